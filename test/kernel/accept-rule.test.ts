/** Where the one rule for marked packets goes, over what `iptables-save` lists on hosts of many kinds. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planAccept } from '../../src/kernel/accept-rule.ts'
import { expectGoldenJson } from '../support/golden.ts'

const OPEN = [':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]']
const SHUT = [':INPUT ACCEPT [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]']
/** As both back ends of iptables list the rule. */
const MARKED = '-m mark --mark 0x20000000/0x20000000 -m comment --comment weft -j ACCEPT'
const MARKED_BESIDE_DOCKER = MARKED.replace('/0x20000000', '/0x30000000')

/** Docker up to 28.0: a RETURN ends the user's chain. */
function docker20(...user: string[]): string[] {
	return [
		...SHUT,
		':DOCKER - [0:0]',
		':DOCKER-ISOLATION-STAGE-1 - [0:0]',
		':DOCKER-ISOLATION-STAGE-2 - [0:0]',
		':DOCKER-USER - [0:0]',
		'-A FORWARD -j DOCKER-USER',
		'-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
		'-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
		'-A FORWARD -o docker0 -j DOCKER',
		'-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
		'-A FORWARD -i docker0 -o docker0 -j ACCEPT',
		'-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
		'-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
		'-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
		'-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
		...user.map((rule) => `-A DOCKER-USER ${rule}`),
		'-A DOCKER-USER -j RETURN',
	]
}

/** 28 and later: DOCKER-FORWARD and its kin, and an empty chain for the user. */
function docker28(...user: string[]): string[] {
	return [
		...SHUT,
		':DOCKER - [0:0]',
		':DOCKER-BRIDGE - [0:0]',
		':DOCKER-CT - [0:0]',
		':DOCKER-FORWARD - [0:0]',
		':DOCKER-ISOLATION-STAGE-1 - [0:0]',
		':DOCKER-ISOLATION-STAGE-2 - [0:0]',
		':DOCKER-USER - [0:0]',
		'-A FORWARD -j DOCKER-USER',
		'-A FORWARD -j DOCKER-FORWARD',
		'-A DOCKER ! -i docker0 -o docker0 -j DROP',
		'-A DOCKER-BRIDGE -o docker0 -j DOCKER',
		'-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
		'-A DOCKER-FORWARD -j DOCKER-CT',
		'-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1',
		'-A DOCKER-FORWARD -j DOCKER-BRIDGE',
		'-A DOCKER-FORWARD -i docker0 -j ACCEPT',
		...user.map((rule) => `-A DOCKER-USER ${rule}`),
	]
}

const USER = [
	'-i eth0 -s 192.0.2.0/24 -j DROP',
	'-m comment --comment "ours; theirs" -p tcp -m tcp --dport 22 -j ACCEPT',
]

/** ufw with its default for forwarded packets, of which it then also logs what it drops or rejects. */
function ufw(...refusal: string[]): string[] {
	const chains = ['before-logging', 'before', 'after', 'after-logging', 'reject', 'track'].map(
		(each) => `ufw-${each}-forward`,
	)
	return [
		...SHUT,
		...[...chains, 'ufw-user-forward'].map((chain) => `:${chain} - [0:0]`),
		...chains.map((chain) => `-A FORWARD -j ${chain}`),
		'-A ufw-after-logging-forward -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "',
		'-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
		'-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT',
		'-A ufw-before-forward -j ufw-user-forward',
		...refusal.map((rule) => `-A ufw-reject-forward ${rule}`),
		'-A ufw-user-forward -d 10.0.0.0/8 -p tcp -m tcp --dport 80 -j DROP',
	]
}

/** firewalld with its iptables back end. */
const FIREWALLD = [
	...OPEN,
	':FORWARD_IN_ZONES - [0:0]',
	':FWDI_public - [0:0]',
	'-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT',
	'-A FORWARD -j FORWARD_IN_ZONES',
	'-A FORWARD -m conntrack --ctstate INVALID -j DROP',
	'-A FORWARD -j REJECT --reject-with icmp-host-prohibited',
	'-A FORWARD_IN_ZONES -g FWDI_public',
	'-A FWDI_public -p icmp -j ACCEPT',
]

const BLOCK = '-A FORWARD -s 192.0.2.0/24 -j DROP'
const JUMP = '-A FORWARD -j DOCKER-USER'

function without(lines: readonly string[], ...gone: string[]): string[] {
	return lines.filter((line) => !gone.includes(line))
}

const HOSTS: Readonly<Record<string, readonly string[]>> = {
	'nobody uses iptables': OPEN,
	'somebody filters what comes in': [...OPEN, '-A INPUT -s 192.0.2.0/24 -j DROP'],
	'somebody drops what is forwarded': SHUT,
	'somebody forwards by rules': [...SHUT, BLOCK, '-A FORWARD -i eth0 -j ACCEPT'],
	'somebody rejects the rest by a rule': [
		...OPEN,
		BLOCK,
		'-A FORWARD -m comment --comment "all the \\"rest\\"" -j REJECT --reject-with icmp-port-unreachable',
	],
	'somebody logs the rest, and drops it': [
		...SHUT,
		BLOCK,
		'-A FORWARD -j LOG --log-prefix "rest: "',
		'-A FORWARD -j DROP',
	],
	'somebody drops the rest in a chain of its own': [
		...SHUT,
		':REST - [0:0]',
		BLOCK,
		'-A FORWARD -j REST',
		'-A REST -j DROP',
	],
	'Docker 20.10': docker20(),
	'Docker 20.10, rules of the user': docker20(...USER),
	'Docker 26, DOCKER-USER flushed by the user': without(docker20(), '-A DOCKER-USER -j RETURN'),
	'Docker 28': docker28(),
	'Docker 28, rules of the user': docker28(...USER),
	'Docker 28, whose user has a RETURN at the end': docker28(...USER, '-j RETURN'),
	'Docker 29 with its nftables back end': OPEN,
	'Docker 29 with its nftables back end, after one with iptables': without(
		docker28(),
		JUMP,
		'-A FORWARD -j DOCKER-FORWARD',
	),
	'Docker, with FORWARD left open': docker28().with(1, ':FORWARD ACCEPT [0:0]'),
	'Docker, with FORWARD flushed': docker28().filter((line) => !line.startsWith('-A FORWARD ')),
	'ufw denies': ufw(),
	'ufw rejects': ufw('-j REJECT --reject-with icmp-port-unreachable'),
	'firewalld with iptables': FIREWALLD,
	'the rule is there, without Docker': [...SHUT, BLOCK, `-A FORWARD ${MARKED}`],
	'the rule is there, in DOCKER-USER': docker20(MARKED_BESIDE_DOCKER),
	'the rule is there, and not needed just now': [...OPEN, `-A FORWARD ${MARKED}`],
	'the rule was there before Docker came': [...docker28(), `-A FORWARD ${MARKED}`],
	'the rule was there before a rule of the user': [...SHUT, `-A FORWARD ${MARKED}`, BLOCK],
	'the rule was there before the user shut all': [...SHUT, '-A FORWARD -j DROP', BLOCK, `-A FORWARD ${MARKED}`],
	'the rule is there twice': docker28(...USER, MARKED_BESIDE_DOCKER, MARKED_BESIDE_DOCKER),
	'somebody accepts another mark': docker28('-m mark --mark 0x1/0x1 -j ACCEPT'),
	'somebody drops this mark': docker28('-m mark --mark 0x20000000/0x20000000 -j DROP'),
}

/** What iptables-restore makes of a listing. */
function apply(lines: readonly string[], changes: readonly string[]): string[] {
	return changes.reduce<string[]>(
		(before, change) => {
			const [verb, chain = '', ...rest] = change.split(' ')
			if (verb === '-D') {
				const at = before.indexOf(`-A ${chain} ${rest.join(' ')}`)
				assert.ok(at >= 0, `there is no ${change}`)
				return before.toSpliced(at, 1)
			}
			const [number, ...rule] = rest
			const rules = before.filter((line) => line.startsWith(`-A ${chain} `))
			assert.ok(verb === '-I' && Number(number) >= 1 && Number(number) <= rules.length + 1, change)
			const others = before.filter((line) => !line.startsWith(`-A ${chain} `))
			return [...others, ...rules.toSpliced(Number(number) - 1, 0, `-A ${chain} ${rule.join(' ')}`)]
		},
		[...lines],
	)
}

function isOurs(line: string): boolean {
	return line.endsWith(MARKED) || line.endsWith(MARKED_BESIDE_DOCKER)
}

function ours(lines: readonly string[]): string[] {
	return lines.filter(isOurs)
}

describe('the rule for marked packets', () => {
	it('goes here', () => {
		const plans = Object.entries(HOSTS).map(([host, lines]) => [host, planAccept(lines, true)])
		expectGoldenJson('accept-rule.json', Object.fromEntries(plans))
	})

	for (const [host, lines] of Object.entries(HOSTS)) {
		it(`is there once at most, and nothing is left to plan: ${host}`, () => {
			const after = apply(lines, planAccept(lines, true))
			assert.ok(ours(after).length <= 1)
			assert.deepEqual(planAccept(after, true), [])
		})

		it(`goes without a trace when it is not wanted: ${host}`, () => {
			const clean = lines.filter((line) => !isOurs(line))
			const after = apply(lines, planAccept(lines, true))
			assert.deepEqual(apply(after, planAccept(after, false)).sort(), clean.sort())
			assert.deepEqual(planAccept(clean, false), [])
		})
	}

	it('stays behind what the user adds in front of it, and goes behind what the user appends', () => {
		const before = apply(SHUT, planAccept(SHUT, true))
		const inFront = [...SHUT, BLOCK, ...ours(before)]
		assert.deepEqual(planAccept(inFront, true), [])
		const behind = [...before, BLOCK]
		assert.deepEqual(apply(behind, planAccept(behind, true)), inFront)
	})

	it('goes in front of what only logs, when that comes later', () => {
		const silent = ufw().filter((line) => !line.includes(' LOG '))
		const early = apply(silent, planAccept(silent, true))
		assert.equal(early.filter((line) => line.startsWith('-A FORWARD ')).at(-1), `-A FORWARD ${MARKED}`)
		const loud = [...early, ...ufw().filter((line) => line.includes(' LOG '))]
		const after = apply(loud, planAccept(loud, true))
		const logging = after.indexOf('-A FORWARD -j ufw-after-logging-forward')
		assert.equal(after[logging - 1], `-A FORWARD ${MARKED}`)
		assert.deepEqual(planAccept(after, true), [])
	})

	it('moves into DOCKER-USER when Docker comes, and back when somebody flushes FORWARD', () => {
		const alone = apply(SHUT, planAccept(SHUT, true))
		const withDocker = [...docker28(), ...ours(alone)]
		const moved = apply(withDocker, planAccept(withDocker, true))
		assert.deepEqual(ours(moved), [`-A DOCKER-USER ${MARKED_BESIDE_DOCKER}`])
		const flushed = moved.filter((line) => !line.startsWith('-A FORWARD '))
		assert.deepEqual(ours(apply(flushed, planAccept(flushed, true))), [`-A FORWARD ${MARKED}`])
	})
})
