/** A bridge that was there before its network: used as it is, and left behind as it was. */
import { WeftError } from '../errors.ts'
import type { LinkFacts } from '../kernel/host.ts'
import type { BridgeNetwork } from '../model/network.ts'
import type { Host } from './host.ts'

const NAME = 'com.docker.network.bridge.name'

/**
 * The bridge that a network asks for by name; undefined where it has to be made.
 * @throws WeftError `in-use` for a link that is none, and for a bridge of another network or of Docker's
 */
export async function findBridge(
	host: Host,
	wanted: string,
	others: readonly BridgeNetwork[],
): Promise<LinkFacts | undefined> {
	const refused = (why: string) => new WeftError('in-use', `${NAME}="${wanted}" ${why}`)
	const link = await host.facts.link(wanted)
	const name = link?.name ?? wanted
	const owner = others.find(({ bridge }) => bridge === name)
	if (owner !== undefined) throw refused(`is the bridge of network ${owner.id.slice(0, 12)}`)
	if (host.facts.isDockers(name)) throw refused('is a name of Docker’s own bridges')
	if (link !== undefined && host.store.get('dockerBridge', '', name) !== undefined)
		throw refused('is a bridge of Docker’s')
	if (link !== undefined && link.kind !== 'bridge') throw refused('is a link of this host that is not a bridge')
	return link
}
