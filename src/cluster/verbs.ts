/**
 * What a network of several hosts needs of the cluster, called by network/ and implemented in ipam/, which knows whose the
 * addresses are. Types only: without `WEFT_CLUSTER` nothing else of this folder is loaded.
 */
import type { ClusterNetwork, OfferedNetwork } from '../model/network.ts'
import type { Node } from '../model/node.ts'

/** What of a network's subnets leads to one host. */
export interface Share {
	/** Networks, of all subnets, in the order of their text. */
	readonly blocks: readonly string[]
	/** Single addresses, without a length, that it has in a block of another host, or of nobody. */
	readonly addresses: readonly string[]
}

/**
 * Another host on a network, also one that has not shown itself for a while: its containers may be alive. Where it has
 * nothing of it yet, no container of it has an address.
 */
export interface Neighbour extends Node, Share {}

/** A network as Docker has it. */
export type Appearance = Pick<OfferedNetwork, 'name' | 'driver' | 'ipamDriver' | 'ranges'>

export interface ClusterVerbs {
	/** This host, as the others see it. */
	readonly node: Node
	/** UDP ports of the tunnels of all hosts, without and with encryption. */
	readonly vxlanPort: number
	readonly wireguardPort: number
	/**
	 * This host has the network from now on. It is made in the cluster where there is none of its id; this host's pools of its
	 * subnets are shared from now on, with gateway and reserved addresses for nobody. May be repeated. There is no opposite:
	 * what this host had goes with its pools.
	 * @throws WeftError `exists` where the id has other settings, or a subnet overlaps with another network's; `invalid` where
	 * a pool is not of weft's IPAM, or its blocks do not fit; `unreachable`
	 */
	enter(network: ClusterNetwork): Promise<void>
	/**
	 * The others that are on the network, in the order of their names; undefined before the cluster has been read since weftd's
	 * start, when nothing is known of it. What was known last holds while the cluster does not answer.
	 */
	neighbours(networkId: string): readonly Neighbour[] | undefined
	/** What this host has of it, on its own record. */
	own(networkId: string): Share
	/** Networks that all hosts are to have; undefined before the cluster has been read since weftd's start. */
	offers(): readonly OfferedNetwork[] | undefined
	/** The others are to have a network of this host too, as Docker has it here. @throws WeftError `unreachable` */
	offer(networkId: string, as: Appearance): Promise<void>
	/** Calls this each time that an answer of `neighbours`, `own` or `offers` may be another one than before. */
	watch(changed: () => void): void
}
