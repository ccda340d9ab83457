/** What weftd has on record, for tests of what must leave nothing there, nor take anything away. */
import type { NetworkSummary } from '../../src/admin/api.ts'
import { AdminClient } from '../../src/cli/client.ts'

/** To be compared as a whole: networks with their endpoints, ports and addresses, and all pools. */
export async function recordsOf(adminSocket: string): Promise<object> {
	const weftd = new AdminClient(adminSocket)
	const networks = await weftd.get<NetworkSummary[]>('/networks')
	const details = networks.flatMap(({ id }) => [`/networks/${id}`, `/networks/${id}/addresses`])
	const paths = ['/pools', '/ports', ...details]
	return Object.fromEntries(await Promise.all(paths.map(async (path) => [path, await weftd.get(path)])))
}
