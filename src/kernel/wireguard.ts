/**
 * WireGuard devices of this host: how they come into being and go, who their peers are, and in what they are not as they should
 * be. Keys are named by their public half; the private one is asked for when the kernel is to have it.
 */
import { randomBytes } from 'node:crypto'
import { isErrno, WeftError } from '../errors.ts'
import { formatCidr, formatIp, parseCidr, parseIp } from '../model/address.ts'
import { getFamily, NETLINK_GENERIC, readFamily } from './netlink/generic.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { Message, Request } from './netlink/message.ts'
import { SocketPool } from './netlink/pool.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import {
	allow,
	type DeviceInfo,
	disallow,
	FAMILY,
	getDevice,
	readDevice,
	removePeer,
	setDevice,
	setPeer,
} from './netlink/wireguard.ts'
import { knownKind, unlessGone } from './refusals.ts'
import type { AllowedNetwork, WireguardLink, WireguardPeer } from './resource.ts'

/** Seconds. A peer that is made is spoken to at once because of it, so that one with a new key need not wait for packets. */
const KEEPALIVE = 25
const KEY_BYTES = 32

export class Wireguard {
	readonly #sockets = new SocketPool(NETLINK_GENERIC, 1)
	readonly #privateKeyOf: (publicKey: string) => string | undefined
	#family: number | undefined
	/** Looks at devices that have not begun. */
	readonly #looks = new Map<string, Promise<DeviceInfo | undefined>>()

	constructor(privateKeyOf: (publicKey: string) => string | undefined) {
		this.#privateKeyOf = privateKeyOf
	}

	/** In the network namespace of the calling thread. */
	open(): void {
		this.#sockets.open()
	}

	/** Waits for the calls under way. */
	close(): Promise<void> {
		return this.#sockets.close()
	}

	/** Whether this kernel has WireGuard, if need be as a module that it loads now. */
	async isKnown(): Promise<boolean> {
		return (await this.#number()) !== undefined
	}

	/** Undefined where there is no such device. Who asks in the same turn gets the same answer, which is long for many peers. */
	device(name: string): Promise<DeviceInfo | undefined> {
		const look = this.#looks.get(name) ?? Promise.resolve().then(() => this.#look(name))
		this.#looks.set(name, look)
		return look
	}

	/** @throws WeftError `system` where this host has no private half of it */
	privateKeyOf(publicKey: string): string {
		const found = this.#privateKeyOf(publicKey)
		if (found !== undefined) return found
		throw new WeftError('system', `the private key of ${publicKey} is not on this host`)
	}

	/** Gives a device its key and its port. */
	async set(name: string, privateKey: string, port: number): Promise<void> {
		await this.#ask((family) => setDevice(family, name, privateKey, port))
	}

	async setPeer({ link, publicKey, remote, port }: WireguardPeer): Promise<void> {
		const endpoint = { ip: parseIp(remote), port }
		await this.#ask((family) => setPeer(family, link, publicKey, endpoint, KEEPALIVE))
	}

	async removePeer({ link, publicKey }: WireguardPeer): Promise<void> {
		await this.#ask((family) => removePeer(family, link, publicKey))
	}

	async allow({ link, publicKey, destination }: AllowedNetwork): Promise<void> {
		await this.#ask((family) => allow(family, link, publicKey, parseCidr(destination)))
	}

	async disallow({ link, destination }: AllowedNetwork): Promise<void> {
		const nobody = randomBytes(KEY_BYTES).toString('base64')
		await this.#ask((family) => disallow(family, link, nobody, parseCidr(destination)))
	}

	async #look(name: string): Promise<DeviceInfo | undefined> {
		this.#looks.delete(name)
		const family = await this.#number()
		if (family === undefined) return undefined
		try {
			const keep = (message: Message) => message
			return readDevice(await this.#sockets.use((socket) => socket.dump(getDevice(family, name), keep)))
		} catch (error) {
			// The latter for a link of another kind.
			if (isErrno(error, 'ENODEV', 'EOPNOTSUPP')) return undefined
			throw error
		}
	}

	async #ask(request: (family: number) => Request): Promise<void> {
		const family = await this.#number()
		if (family === undefined) throw new WeftError('system', 'this kernel has no WireGuard')
		await this.#sockets.use((socket) => socket.request(request(family)))
	}

	/** Of the family; a kernel that has it not may get it later, as a module. */
	async #number(): Promise<number | undefined> {
		try {
			this.#family ??= (await this.#sockets.use((socket) => socket.request(getFamily(FAMILY)))).map(readFamily)[0]
		} catch (error) {
			if (!isErrno(error, 'ENOENT')) throw error
		}
		return this.#family
	}
}

/** What a kind needs: see effects.ts. */
export function wireguardEffects(rtnetlink: Rtnetlink, wireguard: Wireguard) {
	const deviceOf = async (link: string): Promise<DeviceInfo> => {
		const device = await wireguard.device(link)
		if (device !== undefined) return device
		throw new WeftError('system', `there is no WireGuard device ${link}`)
	}
	/** What is on a device that is gone, is gone. */
	const onDevice = async (link: string, work: () => Promise<void>): Promise<void> => {
		if (rtnetlink.indexOf(link) !== undefined) await unlessGone(work())
	}
	const remove = async ({ name }: WireguardLink): Promise<void> => {
		if ((await rtnetlink.link(name))?.kind === 'wireguard') await unlessGone(rtnetlink.deleteLink(name))
	}
	return {
		wireguard: {
			ensure: async (link: WireguardLink) => {
				const there = await rtnetlink.link(link.name)
				if (there !== undefined && there.kind !== 'wireguard')
					throw new WeftError('in-use', 'exists and is not a WireGuard device')
				if (there !== undefined && (await wireguardDrift(wireguard, there, link)) === undefined) return false
				const privateKey = wireguard.privateKeyOf(link.publicKey)
				// With another key all peers begin anew, and what is on it is made after it.
				await remove(link)
				await knownKind('wireguard', rtnetlink.addWireguard(link.name, link.mtu))
				try {
					await wireguard.set(link.name, privateKey, link.port)
					await setUp(rtnetlink, link)
				} catch (error) {
					await remove(link)
					throw error
				}
				return true
			},
			remove,
		},
		peer: {
			ensure: async (peer: WireguardPeer) => {
				const isNew = !(await deviceOf(peer.link)).peers.has(peer.publicKey)
				await wireguard.setPeer(peer)
				return isNew
			},
			remove: (peer: WireguardPeer) => onDevice(peer.link, () => wireguard.removePeer(peer)),
		},
		allowed: {
			ensure: async (allowed: AllowedNetwork) => {
				if (isAllowed(await deviceOf(allowed.link), allowed)) return false
				await wireguard.allow(allowed)
				return true
			},
			remove: (allowed: AllowedNetwork) => onDevice(allowed.link, () => wireguard.disallow(allowed)),
		},
	}
}

/** It takes its port with that. */
async function setUp(rtnetlink: Rtnetlink, { name, port }: WireguardLink): Promise<void> {
	const index = rtnetlink.indexOf(name)
	if (index === undefined) throw new WeftError('system', 'it went as soon as it was made')
	try {
		await rtnetlink.setLink({ index, up: true })
	} catch (error) {
		if (!isErrno(error, 'EADDRINUSE')) throw error
		throw new WeftError('in-use', `UDP port ${port} of this host is in use (WEFT_WIREGUARD_PORT)`, { cause: error })
	}
}

/** For people; undefined where nothing is amiss. */
export async function wireguardDrift(
	wireguard: Wireguard,
	link: LinkInfo | undefined,
	{ name, mtu, port, publicKey }: WireguardLink,
): Promise<string | undefined> {
	if (link === undefined) return 'gone'
	const device = await wireguard.device(name)
	if (link.kind !== 'wireguard' || device === undefined) return 'of another kind'
	if (!link.up) return 'down'
	if (link.mtu !== mtu) return `with an MTU of ${link.mtu} instead of ${mtu}`
	if (device.port !== port) return `with the port ${device.port} instead of ${port}`
	return device.publicKey === publicKey
		? undefined
		: `with the key ${device.publicKey ?? 'none'} instead of ${publicKey}`
}

export async function peerDrift(wireguard: Wireguard, wanted: WireguardPeer): Promise<string | undefined> {
	const found = (await wireguard.device(wanted.link))?.peers.get(wanted.publicKey)
	if (found === undefined) return 'gone'
	const { endpoint } = found
	const at = endpoint === undefined ? 'nowhere' : `${formatIp(endpoint.ip)} port ${endpoint.port}`
	const wantedAt = `${wanted.remote} port ${wanted.port}`
	return at === wantedAt ? undefined : `at ${at} instead of ${wantedAt}`
}

export async function allowedDrift(wireguard: Wireguard, wanted: AllowedNetwork): Promise<string | undefined> {
	const device = await wireguard.device(wanted.link)
	return device !== undefined && isAllowed(device, wanted) ? undefined : 'gone'
}

function isAllowed({ peers }: DeviceInfo, { publicKey, destination }: AllowedNetwork): boolean {
	return peers.get(publicKey)?.allowed.some((cidr) => formatCidr(cidr) === destination) === true
}
