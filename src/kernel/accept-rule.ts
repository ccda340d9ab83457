/**
 * Where iptables' filter table needs the one rule that accepts what weft's own table has marked, and what makes it be
 * there once, or not at all. Pure, over the lines of `iptables-save -t filter`.
 */
import { ACCEPT_MARK, DOCKERS_MARK } from './inet-table.ts'

/** What comes from Docker's bridges is Docker's to let out, where Docker has rules for it. */
const RULES = {
	'DOCKER-USER': accept(ACCEPT_MARK | DOCKERS_MARK),
	FORWARD: accept(ACCEPT_MARK),
} as const
const OURS = Object.entries(RULES).map(([chain, rule]) => `-A ${chain} ${rule}`)

interface Place {
	readonly chain: keyof typeof RULES
	/** How many of the chain's other rules come before. */
	readonly index: number
}

/** The changes, as lines for iptables-restore, which makes all of them at once: no packet meets a moment in between. */
export function planAccept(lines: readonly string[], wanted: boolean): readonly string[] {
	const ours = lines.filter(isOurs)
	const others = lines.filter((line) => !isOurs(line))
	// Once there it stays: a policy that is open now is often only open while somebody loads rules.
	const place = wanted && (ours.length > 0 || canDrop(others)) ? placeIn(others) : undefined
	const done = place === undefined ? ours.length === 0 : ours.length === 1 && stands(lines, place)
	if (done) return []
	const gone = ours.map((line) => line.replace('-A', '-D'))
	return place === undefined ? gone : [...gone, `-I ${place.chain} ${place.index + 1} ${RULES[place.chain]}`]
}

/** The chain that has the rule. */
export function placeOfAccept(lines: readonly string[]): string | undefined {
	return lines.find(isOurs)?.split(' ')[1]
}

function accept(mask: number): string {
	return `-m mark --mark 0x${ACCEPT_MARK.toString(16)}/0x${mask.toString(16)} -m comment --comment weft -j ACCEPT`
}

function isOurs(line: string): boolean {
	return OURS.includes(line)
}

/**
 * A rule that came behind ours must not be passed by. One that somebody has put in front of it is meant to come first,
 * even if it drops everything; only where it would just log it, ours goes in front again.
 */
function stands(lines: readonly string[], { chain, index }: Place): boolean {
	const rules = rulesOf(lines, chain)
	const before = rules.slice(index, rules.findIndex(isOurs))
	return rules.findIndex(isOurs) >= index && (before.length === 0 || before.some((rule) => !onlyLogs(lines, rule)))
}

/** Of the two back ends of iptables, those that can drop a forwarded packet; of an untouched pair neither. */
function canDrop(lines: readonly string[]): boolean {
	return lines.some((line) => /^(:FORWARD DROP|-A FORWARD) /.test(line))
}

/**
 * Behind what the user has in DOCKER-USER, before the RETURN that Docker up to 28 ends it with. Without Docker behind
 * what the user has in FORWARD, but before what drops, or logs as dropped, whatever comes so far.
 */
function placeIn(lines: readonly string[]): Place {
	if (lines.includes('-A FORWARD -j DOCKER-USER')) {
		const rules = rulesOf(lines, 'DOCKER-USER')
		return { chain: 'DOCKER-USER', index: orEnd(rules, rules.indexOf('-A DOCKER-USER -j RETURN')) }
	}
	const rules = rulesOf(lines, 'FORWARD')
	const index = orEnd(
		rules,
		rules.findIndex((rule) => endsAll(lines, rule)),
	)
	const last = rules.slice(0, index).findLastIndex((rule) => !onlyLogs(lines, rule))
	const log = rules.slice(last + 1, index).findIndex((rule) => logs(lines, rule))
	return { chain: 'FORWARD', index: log < 0 ? index : last + 1 + log }
}

function orEnd(rules: readonly string[], index: number): number {
	return index < 0 ? rules.length : index
}

function rulesOf(lines: readonly string[], chain: string): string[] {
	return lines.filter((line) => line.startsWith(`-A ${chain} `))
}

function targetOf(rule: string): string {
	return / -[jg] (\S+)/.exec(rule)?.[1] ?? ''
}

/** For every packet that gets there, also where it does so in a chain that the rule leads to. */
function endsAll(lines: readonly string[], rule: string): boolean {
	const target = targetOf(rule)
	if (!/^-A \S+ (-m comment --comment ("(\\.|[^"\\])*"|\S+) )?-[jg] /.test(rule)) return false
	return ['DROP', 'REJECT'].includes(target) || rulesOf(lines, target).some((each) => endsAll(lines, each))
}

function onlyLogs(lines: readonly string[], rule: string): boolean {
	const target = targetOf(rule)
	if (['LOG', 'NFLOG'].includes(target)) return true
	return (
		lines.some((line) => line.startsWith(`:${target} `)) &&
		rulesOf(lines, target).every((each) => onlyLogs(lines, each))
	)
}

function logs(lines: readonly string[], rule: string): boolean {
	const target = targetOf(rule)
	return ['LOG', 'NFLOG'].includes(target) || rulesOf(lines, target).some((each) => logs(lines, each))
}
