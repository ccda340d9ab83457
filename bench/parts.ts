/** The parts of `make bench`, in their order. Each brings what it needs and takes it away; none needs another. */
import { addresses } from './addresses.ts'
import { calls } from './calls.ts'
import { daemon } from './daemon.ts'
import type { Row } from './figures.ts'
import { idle } from './idle.ts'
import { kernel } from './kernel.ts'
import { manyHosts } from './many-hosts.ts'
import { attach, crowded, ipvlan, macvlan, starts } from './parts-docker.ts'
import { overlay } from './parts-overlay.ts'
import { crowdedWays, ways } from './parts-traffic.ts'
import { plugin } from './plugin.ts'
import { scale } from './scale.ts'

export interface Part {
	readonly name: string
	/** For people who choose. */
	readonly about: string
	run(): Promise<Row[]>
}

export const PARTS: readonly Part[] = [
	{ name: 'attach', about: 'docker network connect, disconnect, create and rm; 20 containers at once', run: attach },
	{ name: 'macvlan', about: 'connect and disconnect on macvlan', run: macvlan },
	{
		name: 'ipvlan',
		about: 'connect and disconnect on ipvlan, in a virtual machine with Debian’s kernel where this one has none',
		run: ipvlan,
	},
	{ name: 'starts', about: 'docker run --rm, and 10, 20 and 50 containers that start at once', run: starts },
	{
		name: 'crowded',
		about: 'connect, network create and run --rm while 500 networks with 2,000 containers are there',
		run: crowded,
	},
	{ name: 'traffic', about: 'streams, bytes there and back, new connections, by every way', run: ways },
	{ name: 'ports', about: 'the same among 1,000 networks with 5,000 published ports', run: crowdedWays },
	{
		name: 'overlay',
		about: 'packets between two hosts, and a network’s way to the other one, beside Docker’s overlay of a swarm',
		run: overlay,
	},
	{ name: 'hosts', about: 'a host of a cluster, beside 100 simulated ones with 10,000 containers', run: manyHosts },
	{ name: 'calls', about: 'how long weftd works on each of Docker’s calls, and its event loop', run: calls },
	{ name: 'daemon', about: 'weftd’s start and memory, with up to 10,000 endpoints', run: daemon },
	{ name: 'idle', about: 'what weftd takes beside 50 containers that do nothing', run: idle },
	{ name: 'plugin', about: 'docker plugin enable, and how long the managed plugin takes to serve', run: plugin },
	{
		name: 'scale',
		about: 'one of the first and one of the last of 1,000 networks, and a start with all of them',
		run: scale,
	},
	{ name: 'kernel', about: 'single calls of the kernel', run: kernel },
	{ name: 'addresses', about: 'IPAM and store: what they decide, and write, in a second', run: addresses },
]
