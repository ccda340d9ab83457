/** What Docker's IpamDriver calls come down to, in weft's words. Implemented in this folder, called by cnm/. */
import type { Cidr, Family, Ip } from '../model/address.ts'
import type { LeaseKind } from '../model/pool.ts'

export interface PoolRequest {
	readonly space: string
	readonly family: Family
	/** `--subnet`; absent: weft chooses. */
	readonly pool?: string
	/** `--ip-range` */
	readonly range?: string
}

export interface PoolAnswer {
	/** Opaque to Docker, which stores it and sends it back. */
	readonly id: string
	readonly pool: string
}

export interface AddressRequest {
	readonly poolId: string
	/** A plain address that must be given; absent: the next free one. */
	readonly address?: string
	readonly kind: LeaseKind
}

export interface IpamVerbs {
	requestPool(request: PoolRequest): Promise<PoolAnswer>
	/** Gives back the pool and every address in it; succeeds for the unknown. */
	releasePool(poolId: string): Promise<void>
	/** The address with the pool's mask length. */
	requestAddress(request: AddressRequest): Promise<string>
	/** Succeeds for the unknown. */
	releaseAddress(poolId: string, address: string): Promise<void>
}

/** What of this host has a say in addresses, asked for at each decision. */
export interface Surroundings {
	/** Networks that it reaches already: its routes and its nameservers. */
	occupied(): Promise<readonly Cidr[]>
	/** The name of its link that has this address. */
	linkWith(address: Ip): Promise<string | undefined>
}
