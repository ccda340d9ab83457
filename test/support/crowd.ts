/** Many networks with containers on a host without dockerd: the calls that Docker would make, and the containers' ends moved away. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type EndpointState, type Port, run, stop } from '../contract/cnm-order-endpoint.ts'
import { type NetworkState, networkCreate, networkRm } from '../contract/cnm-order-network.ts'
import type { Host } from './host.ts'
import type { Wire } from './wire.ts'

const TCP = 6

export interface Member {
	readonly network: NetworkState
	readonly endpoints: readonly EndpointState[]
}

/** A network with two containers that publish two ports each. */
export async function addMember(wire: Wire, number: number): Promise<Member> {
	const network = await networkCreate(wire, '20.10', {})
	const endpoints = [
		await run(wire, '20.10', network, { ports: portsOf(number, 0) }),
		await run(wire, '20.10', network, { ports: portsOf(number, 1) }),
	]
	return { network, endpoints }
}

/** Those of one of a member's two containers: no two have one in common. */
export function portsOf(number: number, container: number): Port[] {
	return [2 * container, 2 * container + 1].map((i) => {
		const HostPort = 2000 + 4 * number + i
		return { Proto: TCP, Port: 80 + i, HostPort, HostPortEnd: HostPort }
	})
}

export async function removeMember(wire: Wire, { network, endpoints }: Member): Promise<void> {
	for (const endpoint of endpoints) await stop(wire, endpoint)
	await networkRm(wire, network)
}

export interface Sandbox {
	/** In the host's pid namespace. */
	readonly pid: string
	end(): Promise<void>
}

/** A network namespace that stands for those of all containers. */
export async function startSandbox(host: Host): Promise<Sandbox> {
	const [program = '', ...args] = host.enter(['unshare', '--net', 'sh', '-c', 'echo $$; exec sleep infinity'])
	const sandbox = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
	const gone = once(sandbox, 'exit')
	const [line] = await once(sandbox.stdout, 'data')
	const pid = String(line).trim()
	const end = async () => {
		await host.exec(['kill', pid])
		await gone
	}
	return { pid, end }
}

/** Gives a sandbox the ends of their links, in one run of ip. */
export async function moveIn(host: Host, endpoints: readonly EndpointState[]): Promise<Sandbox> {
	const sandbox = await startSandbox(host)
	const input = endpoints.map(({ link }) => `link set ${link} netns ${sandbox.pid}\n`).join('')
	await host.exec(['ip', '-batch', '-'], { input, timeout: 300_000 })
	return sandbox
}
