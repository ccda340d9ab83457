/** The hosts of the cluster as the others see them, and the end of one that is gone for good. */
import { WeftError } from '../errors.ts'
import { hostAddress, isKey, type Node } from '../model/node.ts'
import type { Cluster, Entry } from './cluster.ts'
import { fieldsIn } from './values.ts'

/** A key for each host, which goes with its long lease; and one while it is there, which goes with its short one. */
export const NODES = 'weft/node/'
export const PRESENT = 'weft/present/'

/** A node as another version of weft, or another program, may have written it. @throws WeftError `system` */
export function nodeOf(entry: Entry): Node {
	const { name, address: written, publicKey } = fieldsIn(entry)
	const isNamed = typeof name === 'string' && `${NODES}${name}` === entry.key
	const address = typeof written === 'string' ? hostAddress(written) : undefined
	if (!isNamed || address === undefined) {
		throw new WeftError('system', `the key ${entry.key} of the cluster has no host: ${entry.value.slice(0, 200)}`)
	}
	return { name, address, ...(isKey(publicKey) ? { publicKey } : {}) }
}

/**
 * Takes a host off the list, and gives back all that it had, in this order: a host that comes back meanwhile finds that it
 * is not listed, and one that has come back is not taken off.
 * @throws WeftError `not-found`, or `in-use` for a host that is there
 */
export async function forget(cluster: Cluster, name: string): Promise<void> {
	const listed = await cluster.get(NODES + name)
	if (listed === undefined) throw new WeftError('not-found', `no host ${JSON.stringify(name)} is in the cluster`)
	const conditions = [
		{ key: PRESENT + name, revision: 0 },
		{ key: listed.key, revision: listed.revision },
	]
	const done = await cluster.transaction(conditions, [{ key: listed.key }])
	if (done === undefined) {
		throw new WeftError(
			'in-use',
			`the host ${name} is there, and uses its addresses; stop its weftd and containers first`,
		)
	}
	if (listed.lease !== undefined) await cluster.revoke(listed.lease)
}
