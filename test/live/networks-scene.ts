/** The networks and containers on which most promises about packets are tried. */
import { type Bed, HOST, LOOPBACK, makeBed, OUTSIDE, type Place, setSysctl } from './networks-bed.ts'
import { type Container, endAll, networkRequest, port, runContainer, startWeft, type Weft } from './networks-weft.ts'

/** What every container serves, in tcp and udp, IPv4 and IPv6. */
export const SERVICE = 7000
/** What the host serves: on its loopback only, and on every address. */
export const PRIVATE = 7001
export const PUBLIC = 7002
/** What containers serve and do not publish. */
export const SHUT = 7003
/** Ports of the host that lead to red's service: on every address, and on 127.0.0.1. */
export const PUBLISHED = 8080
export const PUBLISHED_LOCAL = 8081
/** Leads to green's service. */
export const PUBLISHED_GREEN = 8082

export const FAMILIES = [4, 6] as const
export const PROTOCOLS = ['tcp', 'udp'] as const
export const EACH = FAMILIES.flatMap((family) => PROTOCOLS.map((protocol) => ({ family, protocol })))

export interface Scene extends Bed {
	readonly weft: Weft
	/** Two containers of network 1. */
	readonly red: Container
	readonly red2: Container
	/** Of network 2. */
	readonly green: Container
	/** Two of network 3, which is internal; they have routes through the host all the same. */
	readonly inner: Container
	readonly inner2: Container
}

export async function setScene(): Promise<Scene> {
	const bed = await makeBed()
	const weft = await startWeft()
	await weft.verbs.createNetwork(networkRequest(1))
	await weft.verbs.createNetwork(networkRequest(2))
	await weft.verbs.createNetwork(networkRequest(3, { internal: true }))
	const [red, red2, green, inner, inner2] = await Promise.all([
		runContainer(weft, 1, 2),
		runContainer(weft, 1, 3),
		runContainer(weft, 2, 2),
		runContainer(weft, 3, 2),
		runContainer(weft, 3, 3),
	])
	const containers = [red, red2, green, inner, inner2]
	await inner.place.ip('route add default via 10.231.3.1', 'route add default via fd00:231:3::1 dev eth0')
	await inner2.place.ip('route add default via 10.231.3.1', 'route add default via fd00:231:3::1 dev eth0')
	await routeTo(bed.outside, 1, 2, 3)
	await weft.verbs.publish(red.networkId, red.endpointId, [
		...port(PUBLISHED, SERVICE),
		...port(PUBLISHED_LOCAL, SERVICE, LOOPBACK[4]),
	])
	await weft.verbs.publish(green.networkId, green.endpointId, port(PUBLISHED_GREEN, SERVICE))
	for (const place of [...containers.map((each) => each.place), bed.outside]) await serve(place)
	for (const protocol of PROTOCOLS) {
		await bed.host.listen(protocol, PRIVATE, LOOPBACK[4])
		await bed.host.listen(protocol, PUBLIC, '0.0.0.0')
		await bed.host.listen(protocol, PUBLIC, '::')
	}
	return {
		...bed,
		weft,
		red,
		red2,
		green,
		inner,
		inner2,
		end: () => endAll(bed, weft, containers),
	}
}

/** The outside sends what it has for these networks to the host. */
export async function routeTo(outside: Place, ...numbers: readonly number[]): Promise<void> {
	for (const number of numbers) {
		await outside.ip(
			`route add 10.231.${number}.0/24 via ${HOST[4]}`,
			`route add fd00:231:${number}::/64 via ${HOST[6]} dev up0`,
		)
	}
}

/** In tcp and udp, IPv4 and IPv6. */
export async function serve(place: Place, ...ports: readonly number[]): Promise<void> {
	for (const port of ports.length > 0 ? ports : [SERVICE]) {
		for (const protocol of PROTOCOLS) {
			for (const address of ['0.0.0.0', '::']) await place.listen(protocol, port, address)
		}
	}
}

/** Whether frames on a bridge are shown to the hooks of IP as well, of this network namespace. */
export function showBridgedFrames(value: '0' | '1'): void {
	setSysctl('net/bridge/bridge-nf-call-iptables', value)
	setSysctl('net/bridge/bridge-nf-call-ip6tables', value)
}

export { HOST, LOOPBACK, OUTSIDE }
