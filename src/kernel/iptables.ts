/**
 * One static rule in iptables' FORWARD path for each family: accept what weft's own table has marked. It is needed
 * because Docker and others set the policy of FORWARD to DROP, and no accept in another table overrides that.
 */
import { readFile } from 'node:fs/promises'
import { placeOfAccept, planAccept } from './accept-rule.ts'
import { run } from './exec.ts'

/** Legacy iptables creates its tables when it is asked about them: look first whether somebody uses it. */
async function programs(suffix: '' | '6'): Promise<string[]> {
	const names = await readFile(`/proc/net/ip${suffix}_tables_names`, 'utf8').catch(() => '')
	const legacy = names.split('\n').includes('filter') ? [`ip${suffix}tables-legacy`] : []
	return [`ip${suffix}tables-nft`, ...legacy]
}

/** Where one of iptables' programs has the rule. */
export interface AcceptPlace {
	readonly program: string
	/** Undefined where it has none, as where nothing can drop weft's packets. */
	readonly chain: string | undefined
	/** Whether it is where it belongs, or not there if it does not belong there. */
	readonly right: boolean
}

/** Looks at those that are in use and changes nothing; one that cannot be asked, as on a host without IPv6, is left out. */
export async function acceptPlaces(wanted: boolean): Promise<readonly AcceptPlace[]> {
	const found = (await Promise.all([programs(''), programs('6')])).flat()
	const looks = await Promise.allSettled(
		found.map(async (program) => {
			const lines = await savedBy(program)
			return { program, chain: placeOfAccept(lines), right: planAccept(lines, wanted).length === 0 }
		}),
	)
	return looks.flatMap((look) => (look.status === 'fulfilled' ? [look.value] : []))
}

async function savedBy(program: string): Promise<string[]> {
	return (await run(`${program}-save`, ['-t', 'filter'])).split('\n')
}

/** What had to be changed. The look itself takes no lock of iptables', which legacy-iptables.ts would hear of. */
async function keepIn(program: string, wanted: boolean): Promise<string[]> {
	const plan = planAccept(await savedBy(program), wanted)
	if (plan.length === 0) return []
	await run(`${program}-restore`, ['-w', '2', '--noflush'], `*filter\n${plan.join('\n')}\nCOMMIT\n`)
	const [verb, chain] = plan.at(-1)?.split(' ') ?? []
	return [`${verb === '-D' ? 'took the rule out of' : 'put the rule into'} ${program} ${chain}`]
}

/**
 * Puts the rule wherever forwarded packets may be dropped and it is not in its place, or takes it away, and says what
 * was done. Costs some 10 ms a family.
 */
export async function keepForwardAccept(wanted: boolean): Promise<readonly string[]> {
	const found = (await Promise.all([programs(''), programs('6')])).flat()
	// Each for itself: a host can be without IPv6, or without one of the back ends.
	const done = await Promise.allSettled(found.map((program) => keepIn(program, wanted)))
	const failed = done.find((each) => each.status === 'rejected')
	if (failed !== undefined) throw failed.reason
	return done.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
}
