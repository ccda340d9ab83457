/**
 * One static rule in iptables' FORWARD path for each family: accept what weft's own table has marked. It is needed
 * because Docker sets the policy of FORWARD to DROP, and no accept in another table overrides that.
 */
import { readFile } from 'node:fs/promises'
import { KeyedMutex } from '../mutex.ts'
import { run } from './exec.ts'
import { ACCEPT_MARK } from './ruleset.ts'

const MARK = `0x${ACCEPT_MARK.toString(16)}/0x${ACCEPT_MARK.toString(16)}`
const RULE = ['-m', 'mark', '--mark', MARK, '-m', 'comment', '--comment', 'weft', '-j', 'ACCEPT']

/** One of iptables' programs, by what it lists of the filter table. */
export interface Listing {
	readonly program: string
	readonly lines: readonly string[]
}

/** Where the rule goes: behind what the user has in DOCKER-USER, or at the top of FORWARD where there is no Docker. */
export function planAccept(lines: readonly string[]): string[] | undefined {
	if (lines.some((line) => line.includes(`--mark ${MARK} `) && line.endsWith('-j ACCEPT'))) return undefined
	if (!lines.includes('-N DOCKER-USER')) return ['-I', 'FORWARD', '1', ...RULE]
	const rules = lines.filter((line) => line.startsWith('-A DOCKER-USER '))
	// Docker up to 28 ends the chain with a RETURN, which must stay last.
	const returns = rules.at(-1) === '-A DOCKER-USER -j RETURN'
	return ['-I', 'DOCKER-USER', String(rules.length + (returns ? 0 : 1)), ...RULE]
}

/**
 * Of the two back ends of iptables, those that can drop a forwarded packet; of an untouched pair neither. Docker's own
 * is among them where it runs, since it has chains there.
 */
export function needsAccept(lines: readonly string[]): boolean {
	return lines.some((line) => line === '-P FORWARD DROP' || line.startsWith('-A FORWARD ') || line === '-N DOCKER-USER')
}

/** Legacy iptables creates its tables when it is asked about them: look first whether somebody uses it. */
async function programs(suffix: '' | '6'): Promise<string[]> {
	const names = await readFile(`/proc/net/ip${suffix}_tables_names`, 'utf8').catch(() => '')
	const legacy = names.split('\n').includes('filter') ? [`ip${suffix}tables-legacy`] : []
	return [`ip${suffix}tables-nft`, ...legacy]
}

/** What a program lists, after it was given the rule where it lacks and needs it. */
async function ensureIn(program: string): Promise<Listing> {
	const lines = (await run(program, ['-w', '2', '-S'])).split('\n')
	const args = needsAccept(lines) ? planAccept(lines) : undefined
	if (args !== undefined) await run(program, ['-w', '2', ...args])
	return { program, lines }
}

/** Milliseconds for which a rule that was seen among Docker's chains is taken to be there still. */
const TRUST = 30_000

const mutex = new KeyedMutex()
let seen = 0

/**
 * Puts the rule wherever forwarded packets may be dropped and it is not yet there. Costs some 10 ms a family, unless it
 * has just been seen beside Docker's own; before that Docker may come at any moment and shut FORWARD.
 */
export function ensureForwardAccept(): Promise<void> {
	return mutex.run('iptables', async () => {
		if (Date.now() - seen < TRUST) return
		const found = (await Promise.all([programs(''), programs('6')])).flat()
		// Each for itself: a host can be without IPv6, or without one of the back ends.
		const done = await Promise.allSettled(found.map(ensureIn))
		const failed = done.find((each) => each.status === 'rejected')
		if (failed !== undefined) throw failed.reason
		const listings = done.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
		if (listings.some(({ lines }) => lines.includes('-N DOCKER-USER'))) seen = Date.now()
	})
}
