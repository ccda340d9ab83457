/**
 * Many networks, containers and published ports that are there while something else is measured. Of weft's driver the real ones,
 * made by Docker's calls without dockerd. Docker's own would take many minutes to make: for it there are the rules of
 * iptables that it would have, and nothing else of it, which spares it the links.
 */
import { type EndpointState, type Port, run } from '../test/contract/cnm-order-endpoint.ts'
import { networkCreate } from '../test/contract/cnm-order-network.ts'
import { moveIn } from '../test/support/crowd.ts'
import type { Host } from '../test/support/host.ts'
import { Wire } from '../test/support/wire.ts'

const TCP = 6
const FIRST_PORT = 10_000
/** Calls that are under way at the same time. */
const LANES = 8
/** Where weft has room for so many networks. */
export const ROOM = { WEFT_POOLS: '10.128.0.0/9:24' }

export interface Crowd {
	readonly networks: number
	/** Containers on each network. */
	readonly containers: number
	/** Published by each container. */
	readonly ports: number
}

export async function weftCrowd(host: Host, { networks, containers, ports }: Crowd): Promise<void> {
	const wire = new Wire(host.path('/run/docker/plugins/weft.sock'))
	const endpoints: EndpointState[] = []
	let next = 0
	const lane = async () => {
		for (let number = next++; number < networks; number = next++) {
			const network = await networkCreate(wire, '20.10', {})
			for (let i = 0; i < containers; i++) {
				endpoints.push(await run(wire, '20.10', network, { ports: portsOf(number * containers + i, ports) }))
			}
		}
	}
	await Promise.all(Array.from({ length: LANES }, lane))
	wire.close()
	await moveIn(host, endpoints)
}

function portsOf(container: number, count: number): Port[] {
	return Array.from({ length: count }, (_, i) => {
		const HostPort = FIRST_PORT + container * count + i
		return { Proto: TCP, Port: 80 + i, HostPort, HostPortEnd: HostPort }
	})
}

/** The rules of the networks `from` up to, and without, `to`, as Docker 20.10 to 27 writes them, in the places where it does. */
export async function dockerCrowd(host: Host, crowd: Crowd, from: number, to: number): Promise<void> {
	const numbers = Array.from({ length: to - from }, (_, i) => from + i)
	const nat = numbers.flatMap((number) => natRules(number, crowd))
	const filter = numbers.flatMap((number) => filterRules(number, crowd))
	const input = ['*nat', ...nat, 'COMMIT', '*filter', ...filter, 'COMMIT', ''].join('\n')
	await host.exec(['iptables-restore', '--noflush'], { input, timeout: 300_000 })
}

function natRules(number: number, crowd: Crowd): string[] {
	const bridge = bridgeName(number)
	return [
		`-I POSTROUTING -s ${subnet(number)}.0/24 ! -o ${bridge} -j MASQUERADE`,
		`-I DOCKER -i ${bridge} -j RETURN`,
		...published(number, crowd).flatMap(({ address, port, hostPort }) => [
			`-A POSTROUTING -s ${address}/32 -d ${address}/32 -p tcp -m tcp --dport ${port} -j MASQUERADE`,
			`-A DOCKER ! -i ${bridge} -p tcp -m tcp --dport ${hostPort} -j DNAT --to-destination ${address}:${port}`,
		]),
	]
}

function filterRules(number: number, crowd: Crowd): string[] {
	const bridge = bridgeName(number)
	return [
		`-I FORWARD -i ${bridge} -o ${bridge} -j ACCEPT`,
		`-I FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT`,
		`-I FORWARD -o ${bridge} -j DOCKER`,
		`-I FORWARD -o ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
		`-I DOCKER-ISOLATION-STAGE-1 -i ${bridge} ! -o ${bridge} -j DOCKER-ISOLATION-STAGE-2`,
		`-I DOCKER-ISOLATION-STAGE-2 -o ${bridge} -j DROP`,
		...published(number, crowd).map(
			({ address, port }) =>
				`-A DOCKER -d ${address}/32 ! -i ${bridge} -o ${bridge} -p tcp -m tcp --dport ${port} -j ACCEPT`,
		),
	]
}

function published(number: number, { containers, ports }: Crowd) {
	return Array.from({ length: containers }, (_, i) =>
		portsOf(number * containers + i, ports).map(({ Port: port, HostPort: hostPort }) => {
			return { address: `${subnet(number)}.${2 + i}`, port, hostPort }
		}),
	).flat()
}

function bridgeName(number: number): string {
	return `br-${number.toString(16).padStart(12, '0')}`
}

/** Its first three bytes. */
function subnet(number: number): string {
	return `10.${128 + (number >> 8)}.${number & 255}`
}
