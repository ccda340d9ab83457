/** What the verbs of this folder work on, handed to each: the state and the effects of one host. */

import type { ClusterVerbs } from '../cluster/verbs.ts'
import { WeftError } from '../errors.ts'
import type { HostFacts } from '../kernel/host.ts'
import type { PortChange } from '../kernel/resource.ts'
import type { Gate, Kernel, OwnerKernel } from '../kernel/verbs.ts'
import {
	type BridgeNetwork,
	type Endpoint,
	hasBridge,
	hasParent,
	isOwned,
	type LanNetwork,
	type Network,
	type Sighting,
} from '../model/network.ts'
import type { KeyedMutex } from '../mutex.ts'
import type { Change, Store } from '../store/store.ts'

export interface Host {
	readonly store: Store
	readonly kernel: Kernel
	readonly facts: HostFacts
	/** Absent without `WEFT_CLUSTER`. */
	readonly cluster?: ClusterVerbs
	/** Keys are ids of networks, endpointKey of endpoints, CHOICE, SIGHTINGS and that of owners.ts; for their order see README.md. */
	readonly mutex: KeyedMutex
	/** Names of the links that endpoints have on record, of all networks. */
	readonly links: Set<string>
	/** Ids of endpoints for which all that Join needs was made ahead of it. */
	readonly prepared: Set<string>
	/** Of networks whose owner is a container that runs, by their ids; kept by owners.ts. */
	readonly owners: Map<string, OwnerKernel>
	readonly warn: (error: unknown, message: string) => void
	/** For people who wonder why. */
	readonly inform: (message: string) => void
}

/** For what is decided of one network after the other. No id has a space. */
export const CHOICE = 'all networks'

/** For what is decided by a sighting that is on record: one that is being written is not to be taken for none. */
export const SIGHTINGS = 'all sightings'

/** An endpoint may have the id of its network. */
export function endpointKey(id: string): string {
	return `endpoint ${id}`
}

export function needNetwork(host: Host, id: string): Network {
	const network = host.store.get('network', '', id)
	if (network?.settled) return network
	throw new WeftError('not-found', `weft has no network ${id}`)
}

export function needEndpoint(host: Host, networkId: string, id: string): Endpoint {
	const endpoint = host.store.get('endpoint', networkId, id)
	if (endpoint !== undefined) return endpoint
	throw new WeftError('not-found', `weft has no endpoint ${id} on network ${networkId}`)
}

export function put(record: Network | Endpoint): Change {
	return 'networkId' in record
		? { kind: 'endpoint', group: record.networkId, id: record.id, value: record }
		: { kind: 'network', group: '', id: record.id, value: record }
}

export function putSighting(sighting: Sighting): Change {
	return { kind: 'sighting', group: '', id: sighting.networkId, value: sighting }
}

export function dropSighting(networkId: string): Change {
	return { kind: 'sighting', group: '', id: networkId }
}

export function drop(record: Network | Endpoint): Change {
	return 'networkId' in record
		? { kind: 'endpoint', group: record.networkId, id: record.id }
		: { kind: 'network', group: '', id: record.id }
}

/** As long as there is a bridge, a container can come at any moment. */
export async function keepSpares(host: Host): Promise<void> {
	await host.kernel
		.keepSpares(host.store.list('network', '').some(hasBridge))
		.catch((error: unknown) => host.warn(error, 'spare links cannot be taken away'))
}

/** For the networks that there are by then: lets the host's other firewalls pass their packets, or no more. */
export async function keepPassage(host: Host): Promise<void> {
	const keep = (gate: Gate): Promise<unknown> => {
		return keepGate(host, gate).catch((error: unknown) => host.warn(error, `${gate} may stop packets of networks`))
	}
	// Too slow for anybody to wait for.
	void keep('firewalld')
	await keep('iptables')
}

/** What had to be done, for people. `anew`: also where nothing else is needed than before, because somebody changed it. */
export function keepGate(host: Host, gate: Gate, anew = false): Promise<readonly string[]> {
	// The zone of a bridge that was there before is its owner's choice: it decides over packets to the host as well.
	const concerned = ({ adopted }: BridgeNetwork) => gate === 'iptables' || adopted === undefined
	return host.kernel.keepPassage(gate, () => bridgesOf(host, concerned), anew)
}

/** Where the ports of a network's containers are; undefined while its owner is a container that does not run. */
export function ownerOf(host: Host, network: Network): OwnerKernel | undefined {
	return isOwned(network) ? host.owners.get(network.id) : host.kernel
}

/** So that a client's next packet goes where the ports lead by now. Not worth making anybody wait for. */
export async function forgetFlows(host: Host, owner: OwnerKernel, change: PortChange): Promise<void> {
	await owner
		.forgetFlows(change)
		.catch((error: unknown) => host.warn(error, 'connections go on to where published ports no longer lead'))
}

/** The names of those that are on this host. */
export function bridgesOf(host: Host, concerned: (network: BridgeNetwork) => boolean = () => true): string[] {
	return settledBridges(host)
		.filter((network) => !isOwned(network) && concerned(network))
		.map(({ bridge }) => bridge)
}

export function settledNetworks(host: Host): Network[] {
	return host.store.list('network', '').filter(({ settled }) => settled)
}

export function settledLans(host: Host): LanNetwork[] {
	return settledNetworks(host).filter(hasParent)
}

export function settledBridges(host: Host): BridgeNetwork[] {
	return settledNetworks(host).filter(hasBridge)
}
