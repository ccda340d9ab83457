/** weft's verbs on the real kernel of a bed, and containers that are attached by hand as dockerd would do it. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterVerbs } from '../../src/cluster/verbs.ts'
import type { KeeperLog } from '../../src/keeper.ts'
import { LinuxContainerKernel } from '../../src/kernel/container-kernel.ts'
import { Departures } from '../../src/kernel/departures.ts'
import { Firewall } from '../../src/kernel/firewall.ts'
import { Flows } from '../../src/kernel/flows.ts'
import { hostFacts } from '../../src/kernel/host.ts'
import { LinuxKernel } from '../../src/kernel/kernel.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { Nft } from '../../src/kernel/nftables.ts'
import { HostPorts } from '../../src/kernel/ports.ts'
import { Watch } from '../../src/kernel/watch.ts'
import { Wireguard } from '../../src/kernel/wireguard.ts'
import type { PortRequest } from '../../src/model/network.ts'
import { KeyedMutex } from '../../src/mutex.ts'
import { diff } from '../../src/network/diff.ts'
import { DockerBridges } from '../../src/network/docker-bridges.ts'
import { networkDriver } from '../../src/network/driver.ts'
import type { Host } from '../../src/network/host.ts'
import { Owners } from '../../src/network/owners.ts'
import { Peering } from '../../src/network/peering.ts'
import { Repairs } from '../../src/network/repairs.ts'
import { resync } from '../../src/network/resync.ts'
import { Rounds } from '../../src/network/rounds.ts'
import { SharedPorts } from '../../src/network/shared-ports.ts'
import type { EndpointRequest, NetworkRequest, NetworkVerbs } from '../../src/network/verbs.ts'
import { LevelStore } from '../../src/store/level.ts'
import { ContainerList } from '../support/container-list.ts'
import { type Bed, Peer } from './networks-bed.ts'
import { answer } from './networks-talk.ts'

export interface Weft {
	readonly verbs: NetworkVerbs
	readonly sharedPorts: SharedPorts
	readonly owners: Owners
	/** Those that may own networks. */
	readonly containers: ContainerList
	/** What was put right in the namespaces of owners, in words. */
	readonly repairs: string[]
	/** Done by createNetwork too, which does not wait for it. */
	openForward(): Promise<unknown>
	/** Makes the table anew. */
	renewTables(): Promise<void>
	/** Notices what others do, from now on, and makes it good; `round` is the milliseconds between looks at everything. */
	watch(round?: number): Promise<Watching>
	/** In what the kernel is not as it is on record, for people. */
	differences(): Promise<string[]>
	/** Tells weft of Docker's bridges, as its start does. */
	look(): Promise<void>
	end(): Promise<void>
}

export interface Watching {
	/** What was repaired, in words. */
	readonly repairs: string[]
	end(): Promise<void>
}

/** Called before each link, address or route is made or changed, and may throw in its place. */
export type Refusal = (what: string) => void

/** In the network namespace in which this process is. */
export async function startWeft(refuse: Refusal = () => undefined, cluster?: ClusterVerbs): Promise<Weft> {
	const folder = mkdtempSync(join(tmpdir(), 'weft-networks-'))
	const store = await LevelStore.open(folder)
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const nft = Nft.open()
	const flows = new Flows()
	flows.open()
	const firewall = new Firewall((commands) => nft.run(commands))
	const wireguard = new Wireguard(() => undefined)
	wireguard.open()
	const parts = [firewall, new HostPorts(), flows, new Departures(), wireguard] as const
	const kernel = new LinuxKernel(refusing(rtnetlink, refuse), ...parts)
	const warn: Host['warn'] = (error, message) => process.stderr.write(`${message}: ${String(error)}\n`)
	const host: Host = {
		store,
		kernel,
		facts: hostFacts(rtnetlink, wireguard, true),
		mutex: new KeyedMutex(),
		links: new Set(),
		prepared: new Set(),
		owners: new Map(),
		warn,
		inform: () => undefined,
		...(cluster === undefined ? {} : { cluster }),
	}
	const sharedPorts = new SharedPorts(host)
	const containers = new ContainerList((pid) => LinuxContainerKernel.open(rtnetlink, pid))
	const repairs: string[] = []
	const owners = new Owners(host, containers, sharedPorts, Promise.resolve(), repairLog(host, repairs))
	return {
		sharedPorts,
		owners,
		containers,
		repairs,
		verbs: networkDriver(host, async () => undefined, sharedPorts, new Peering(host), owners),
		openForward: () => kernel.keepPassage('iptables', () => ['weft0'], true),
		renewTables: () => kernel.renewTables(),
		watch: (round) => watch(host, rtnetlink, nft, round),
		differences: async () => (await diff(host)).map(({ what }) => what),
		look: async () => {
			const view = { links: () => rtnetlink.links(), bridgeNames: async () => [], close: () => undefined }
			const dockers = new DockerBridges(host, view, Promise.resolve(), { info: () => undefined, warn })
			await resync(host, dockers.apart(await rtnetlink.links()))
		},
		end: async () => {
			await sharedPorts.close()
			await owners.close()
			await store.close()
			await flows.close()
			await wireguard.close()
			await rtnetlink.close()
			rmSync(folder, { recursive: true, force: true })
		},
	}
}

/** The same sockets, but for what is refused. Spare pairs come in their own time. */
function refusing(rtnetlink: Rtnetlink, refuse: Refusal): Rtnetlink {
	return new Proxy(rtnetlink, {
		get(target, name) {
			const member = Reflect.get(target, name)
			if (typeof member !== 'function') return member
			return (...args: unknown[]) => {
				const isSpares = name === 'addVeth' && Reflect.get(Object(args[0]), 'master') === undefined
				if (/^(add|set)/.test(String(name)) && !isSpares) refuse(String(name))
				return member.apply(target, args)
			}
		},
	})
}

async function watch(host: Host, rtnetlink: Rtnetlink, nft: Nft, round?: number): Promise<Watching> {
	const repairs: string[] = []
	const keepers = new Repairs(host, new Peering(host), Promise.resolve(), repairLog(host, repairs))
	const watch = new Watch(keepers, rtnetlink)
	watch.openLinks()
	await watch.openRules(nft)
	const rounds = new Rounds([keepers], round)
	const end = (): Promise<void> => {
		rounds.close()
		watch.close()
		return keepers.close()
	}
	return { repairs, end }
}

function repairLog(host: Host, repairs: string[]): KeeperLog {
	return {
		repaired: ({ cause, done }) => repairs.push(`${cause}: ${done.join(', ')}`),
		failed: (error) => host.warn(error, 'not repaired'),
	}
}

export function idOf(name: string): string {
	return createHash('sha256').update(name).digest('hex')
}

/** A dual-stack network with the given number in its addresses. */
export function networkRequest(number: number, more: Partial<NetworkRequest> = {}): NetworkRequest {
	return {
		id: idOf(`network ${number}`),
		options: {},
		internal: false,
		ipv4: [{ pool: `10.231.${number}.0/24`, gateway: `10.231.${number}.1/24`, reserved: {} }],
		ipv6: [{ pool: `fd00:231:${number}::/64`, gateway: `fd00:231:${number}::1/64`, reserved: {} }],
		...more,
	}
}

export function gatewayOf(number: number) {
	return { 4: `10.231.${number}.1`, 6: `fd00:231:${number}::1` } as const
}

export interface Container {
	readonly place: Peer
	readonly networkId: string
	readonly endpointId: string
	readonly address: { readonly 4: string; readonly 6: string }
	readonly mac: string
}

/** The endpoint number `last` of a network, joined. */
export async function runContainer(weft: Weft, number: number, last: number): Promise<Container> {
	const networkId = idOf(`network ${number}`)
	const endpointId = idOf(`endpoint ${number} ${last}`)
	const address = { 4: `10.231.${number}.${last}`, 6: `fd00:231:${number}::${last}` } as const
	const request = { networkId, id: endpointId, ipv4: `${address[4]}/24`, ipv6: `${address[6]}/64` }
	const place = await attach(weft, request)
	return { place, networkId, endpointId, address, mac: await macOf(place) }
}

/** The endpoint number `last` of each of several networks, by the number of the network. */
export async function runContainers(
	weft: Weft,
	numbers: readonly number[],
	last = 2,
): Promise<ReadonlyMap<number, Container>> {
	return new Map(await Promise.all(numbers.map(async (each) => [each, await runContainer(weft, each, last)] as const)))
}

export async function macOf(place: Peer): Promise<string> {
	const [{ address }] = JSON.parse(await place.run('ip', '-j', 'link', 'show', 'eth0'))
	return address
}

/** A place whose link was moved, named, addressed and set up; with default routes where there are gateways. */
export async function attach({ verbs }: Weft, request: EndpointRequest): Promise<Peer> {
	const { networkId, id, ipv4, ipv6 } = request
	const place = await Peer.start()
	await verbs.createEndpoint(request)
	const { link, gateway, gatewayIpv6 } = await verbs.join(networkId, id)
	// By name from the host's side, as dockerd does; the peer's side then gives it its final name and its addresses.
	await answer({ verb: 'run', argv: ['ip', 'link', 'set', `${link}`, 'netns', String(place.pid)], input: '' })
	await place.ip(
		`link set ${link} name eth0`,
		...(ipv4 === undefined ? [] : [`addr add ${ipv4} dev eth0`]),
		...(ipv6 === undefined ? [] : [`addr add ${ipv6} dev eth0 nodad`]),
		'link set eth0 up',
		...(gateway === undefined ? [] : [`route add default via ${gateway}`]),
		...(gatewayIpv6 === undefined ? [] : [`route add default via ${gatewayIpv6} dev eth0`]),
	)
	return place
}

export async function endAll(bed: Bed, weft: Weft, containers: Iterable<Container>): Promise<void> {
	await Promise.all(Array.from(containers, ({ place }) => place.end()))
	await weft.end()
	await bed.end()
}

/** `-p ADDRESS:PORT:CONTAINERPORT` for tcp and udp. */
export function port(hostPort: number, containerPort: number, hostIp = ''): PortRequest[] {
	const both = { containerPort, hostIp, hostPort, hostPortEnd: hostPort }
	return [
		{ protocol: 'tcp', ...both },
		{ protocol: 'udp', ...both },
	]
}
