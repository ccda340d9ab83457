/**
 * One static rule in iptables' FORWARD path for each family: accept what weft's own table has marked. It is needed
 * because Docker and others set the policy of FORWARD to DROP, and no accept in another table overrides that.
 */
import { readFile } from 'node:fs/promises'
import { KeyedMutex } from '../mutex.ts'
import { planAccept } from './accept-rule.ts'
import { run } from './exec.ts'

/** Legacy iptables creates its tables when it is asked about them: look first whether somebody uses it. */
async function programs(suffix: '' | '6'): Promise<string[]> {
	const names = await readFile(`/proc/net/ip${suffix}_tables_names`, 'utf8').catch(() => '')
	const legacy = names.split('\n').includes('filter') ? [`ip${suffix}tables-legacy`] : []
	return [`ip${suffix}tables-nft`, ...legacy]
}

interface Look {
	readonly lines: readonly string[]
	/** What was changed, for people; absent where all was right. */
	readonly changed?: string
}

/** What a program lists, and then changes where the rule is not as it should be. */
async function keepIn(program: string, wanted: boolean): Promise<Look> {
	const lines = (await run(program, ['-w', '2', '-S'])).split('\n')
	const plan = planAccept(lines, wanted)
	if (plan.length === 0) return { lines }
	await run(`${program}-restore`, ['-w', '2', '--noflush'], `*filter\n${plan.join('\n')}\nCOMMIT\n`)
	const [verb, chain] = plan.at(-1)?.split(' ') ?? []
	return { lines, changed: `${verb === '-D' ? 'took the rule out of' : 'put the rule into'} ${program} ${chain}` }
}

/** Milliseconds for which a rule that was seen among Docker's chains is taken to be there still. */
const TRUST = 30_000

const mutex = new KeyedMutex()
let seen = 0

/**
 * Puts the rule wherever forwarded packets may be dropped and it is not in its place, or takes it away. Costs some 10 ms
 * a family, unless it has just been seen beside Docker's own; before that Docker may come at any moment and shut FORWARD.
 */
export function keepForwardAccept(wanted: () => boolean): Promise<readonly string[]> {
	return mutex.run('iptables', async () => {
		const want = wanted()
		if (want && Date.now() - seen < TRUST) return []
		seen = 0
		const found = (await Promise.all([programs(''), programs('6')])).flat()
		// Each for itself: a host can be without IPv6, or without one of the back ends.
		const done = await Promise.allSettled(found.map((program) => keepIn(program, want)))
		const failed = done.find((each) => each.status === 'rejected')
		if (failed !== undefined) throw failed.reason
		const looks = done.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
		if (want && looks.some(({ lines }) => lines.includes('-N DOCKER-USER'))) seen = Date.now()
		return looks.flatMap(({ changed }) => changed ?? [])
	})
}
