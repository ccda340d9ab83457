/**
 * The calls that dockerd makes to create and remove a network, in its order, with what it checks in the answers and how
 * it cleans up after a failure. Errors that reach the user are thrown; those that dockerd only logs are in `wire.logged`.
 */
import { DockerError, isCidr, type Json, newId, text, type Wire } from '../support/wire.ts'

/** Up to 27 as 20.10: the interface is moved after everything else. From 28 on: between Join and Program. */
export type Era = '20.10' | '28'

export interface SubnetFlags {
	readonly subnet?: string
	readonly range?: string
	readonly gateway?: string
	readonly aux?: Readonly<Record<string, string>>
}

export interface CreateFlags {
	readonly id?: string
	/** One that the driver chooses where not given; `[]` is `--ipv4=false`. */
	readonly ipv4?: readonly SubnetFlags[]
	readonly ipv6?: readonly SubnetFlags[]
	readonly internal?: boolean
	readonly options?: Readonly<Record<string, string>>
	/** Pools that overlap with a route of the host: dockerd asks for another one. */
	readonly isTaken?: (pool: string) => boolean
}

export interface PoolState {
	readonly poolId: string
	readonly pool: string
	/** All with the pool's length. Empty where the driver wanted none. */
	readonly gateway: string
	readonly aux: Readonly<Record<string, string>>
}

export interface NetworkState {
	readonly id: string
	readonly ipv4: readonly PoolState[]
	readonly ipv6: readonly PoolState[]
}

const GATEWAY_TYPE = { RequestAddressType: 'com.docker.network.gateway' }

/** docker network create */
export async function networkCreate(wire: Wire, era: Era, flags: CreateFlags): Promise<NetworkState> {
	const id = flags.id ?? newId()
	const Options: Json = {
		...(era === '28' ? { 'com.docker.network.enable_ipv4': flags.ipv4?.length !== 0 } : {}),
		'com.docker.network.enable_ipv6': flags.ipv6 !== undefined,
		'com.docker.network.generic': { ...flags.options },
		...(flags.internal === true ? { 'com.docker.network.internal': true } : {}),
	}
	const skips = era === '28' ? await wire.call('NetworkDriver.GwAllocCheck', { Options }) : {}
	const spaces = await wire.call('IpamDriver.GetDefaultAddressSpaces')
	const space = text(spaces, 'LocalDefaultAddressSpace')
	const pools: { state: PoolState; v6: boolean }[] = []
	try {
		const wanted = [
			...(flags.ipv4 ?? [{}]).map((subnet) => ({ subnet, v6: false })),
			...(flags.ipv6 ?? []).map((subnet) => ({ subnet, v6: true })),
		]
		for (const { subnet, v6 } of wanted) {
			const skip = skips[v6 ? 'SkipIPv6' : 'SkipIPv4'] === true
			pools.push({ state: await allocate(wire, era, space, subnet, v6, skip, flags.isTaken), v6 })
		}
		const ipv4 = pools.filter(({ v6 }) => !v6).map(({ state }) => state)
		const ipv6 = pools.filter(({ v6 }) => v6).map(({ state }) => state)
		const data = {
			IPv4Data: ipv4.map((one) => poolData(space, one)),
			IPv6Data: ipv6.map((one) => poolData(space, one)),
		}
		await wire.call('NetworkDriver.CreateNetwork', { NetworkID: id, Options, ...data })
		return { id, ipv4, ipv6 }
	} catch (error) {
		// No DeleteNetwork follows a failed CreateNetwork, only the pools go back.
		for (const { state } of pools) await releasePool(wire, state)
		throw error
	}
}

function poolData(space: string, state: PoolState): Json {
	const aux = Object.keys(state.aux).length === 0 ? {} : { AuxAddresses: state.aux }
	const gateway = state.gateway === '' ? {} : { Gateway: state.gateway }
	return { AddressSpace: space, Pool: state.pool, ...gateway, ...aux }
}

async function allocate(
	wire: Wire,
	era: Era,
	space: string,
	flags: SubnetFlags,
	v6: boolean,
	skipGateway: boolean,
	isTaken: CreateFlags['isTaken'],
): Promise<PoolState> {
	const { poolId, pool } = await requestPool(wire, era, space, flags, v6, isTaken)
	try {
		const wanted = flags.gateway !== undefined || !skipGateway
		const gateway = wanted ? await requestAddress(wire, poolId, flags.gateway ?? '', GATEWAY_TYPE) : ''
		const aux: Record<string, string> = {}
		for (const [name, address] of Object.entries(flags.aux ?? {})) {
			aux[name] = await requestAddress(wire, poolId, address, null)
		}
		return { poolId, pool, gateway, aux }
	} catch (error) {
		// dockerd does not give back the gateway here: the pool must take everything with it.
		await wire.callLogged('IpamDriver.ReleasePool', { PoolID: poolId })
		throw error
	}
}

async function requestPool(
	wire: Wire,
	era: Era,
	space: string,
	flags: SubnetFlags,
	v6: boolean,
	isTaken: CreateFlags['isTaken'],
): Promise<{ poolId: string; pool: string }> {
	const rejected: { poolId: string; pool: string }[] = []
	try {
		for (;;) {
			if (era === '28') await wire.call('IpamDriver.GetDefaultAddressSpaces')
			const answer = await wire.call('IpamDriver.RequestPool', {
				AddressSpace: space,
				Pool: flags.subnet ?? '',
				SubPool: flags.range ?? '',
				Options: null,
				V6: v6,
			})
			const pool = text(answer, 'Pool')
			if (!isCidr(pool)) throw new DockerError(`invalid pool "${pool}"`, 200)
			// dockerd itself would ask for ever: libnetwork #1386.
			if (rejected.some((one) => one.pool === pool)) throw new DockerError(`pool ${pool} came twice: endless loop`, 200)
			const found = { poolId: text(answer, 'PoolID'), pool }
			if (flags.subnet !== undefined || isTaken?.(pool) !== true) return found
			rejected.push(found)
		}
	} finally {
		for (const { poolId } of rejected) await wire.callLogged('IpamDriver.ReleasePool', { PoolID: poolId })
	}
}

export async function requestAddress(
	wire: Wire,
	poolId: string,
	wanted: string,
	options: Json | null,
): Promise<string> {
	const answer = await wire.call('IpamDriver.RequestAddress', { PoolID: poolId, Address: wanted, Options: options })
	const address = text(answer, 'Address')
	if (!isCidr(address)) throw new DockerError(`invalid CIDR address: "${address}"`, 200)
	return address
}

export async function releaseAddress(wire: Wire, poolId: string, cidr: string): Promise<void> {
	await wire.callLogged('IpamDriver.ReleaseAddress', { PoolID: poolId, Address: plain(cidr) })
}

async function releasePool(wire: Wire, state: PoolState): Promise<void> {
	if (state.gateway !== '') await releaseAddress(wire, state.poolId, state.gateway)
	for (const address of Object.values(state.aux)) await releaseAddress(wire, state.poolId, address)
	await wire.callLogged('IpamDriver.ReleasePool', { PoolID: state.poolId })
}

/** docker network rm: the pools go before the network. */
export async function networkRm(wire: Wire, network: NetworkState): Promise<void> {
	for (const state of [...network.ipv4, ...network.ipv6]) await releasePool(wire, state)
	await wire.callLogged('NetworkDriver.DeleteNetwork', { NetworkID: network.id })
}

export function plain(cidr: string): string {
	return cidr.split('/')[0] ?? ''
}
