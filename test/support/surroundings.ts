/** A host as address management sees it. */
import type { Surroundings } from '../../src/ipam/verbs.ts'
import { type Cidr, formatIp } from '../../src/model/address.ts'

/** Read at each question, so that both may change: what is routed there, and the addresses of its link eth0. */
export function surroundings(occupied: readonly Cidr[] = [], own: readonly string[] = []): Surroundings {
	return {
		occupied: async () => occupied,
		linkWith: async (address) => (own.includes(formatIp(address)) ? 'eth0' : undefined),
	}
}
