/** Networks that every host of a cluster is to have, and how Docker has them where they were made. */
import type { Cluster, Entry } from '../cluster/cluster.ts'
import { fieldsIn } from '../cluster/values.ts'
import type { Appearance } from '../cluster/verbs.ts'
import { WeftError } from '../errors.ts'
import { parseCidr } from '../model/address.ts'
import type { OfferedNetwork, Subnet } from '../model/network.ts'
import { NETWORKS, OFFERS, orNothing } from './shared-keys.ts'

/** How often others may be faster. */
const ATTEMPTS = 50

/** A network that is gone meanwhile is offered to nobody. @throws WeftError `unreachable` */
export async function offer(
	cluster: Cluster,
	networkId: string,
	{ name, driver, ipamDriver, ranges }: Appearance,
): Promise<void> {
	const value = JSON.stringify({ name, driver, ipamDriver, ranges })
	for (let n = 0; n < ATTEMPTS; n++) {
		const network = await cluster.get(NETWORKS + networkId)
		if (network === undefined) return
		const conditions = [{ key: network.key, revision: network.revision }]
		if ((await cluster.transaction(conditions, [{ key: OFFERS + networkId, value }])) !== undefined) return
	}
	throw new WeftError('unreachable', `other hosts change network ${networkId} faster than this one; try again`)
}

/** Without what weft does not write. */
export function offersIn(entries: ReadonlyMap<string, Entry>): OfferedNetwork[] {
	const offers = Array.from(entries.values()).filter(({ key }) => key.startsWith(OFFERS))
	return offers.flatMap((entry) => {
		const network = entries.get(NETWORKS + entry.key.slice(OFFERS.length))
		return network === undefined ? [] : (orNothing(() => offered(entry, network)) ?? [])
	})
}

function offered(offer: Entry, network: Entry): OfferedNetwork | undefined {
	// A weftd before there were ranges writes none.
	const { name, driver, ipamDriver, ranges = [] } = fieldsIn(offer)
	const { id, subnets, options, internal, blocks } = fieldsIn(network)
	const areTexts = [name, driver, ipamDriver].every(isText) && hasTexts(options)
	const hasAll =
		Array.isArray(subnets) && Array.isArray(ranges) && typeof internal === 'boolean' && Object(blocks) === blocks
	if (id !== network.key.slice(NETWORKS.length) || !areTexts || !hasAll) return undefined
	for (const range of ranges) parseCidr(range)
	// What else is in there is for Docker and weft to judge, which are asked for the network.
	for (const { pool, gateway, reserved } of subnets as Subnet[]) {
		parseCidr(pool)
		if (!(gateway === undefined || isText(gateway)) || !hasTexts(reserved)) return undefined
	}
	return { id, name, driver, ipamDriver, ranges, subnets, options, internal, blocks } as OfferedNetwork
}

function isText(value: unknown): boolean {
	return typeof value === 'string'
}

function hasTexts(value: unknown): boolean {
	return Object(value) === value && !Array.isArray(value) && Object.values(value as object).every(isText)
}
