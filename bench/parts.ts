/** The parts of `make bench`, in their order. Each brings what it needs and takes it away; none needs another. */
import type { Row } from './figures.ts'
import { attach, lan, starts } from './parts-docker.ts'
import { crowdedWays, ways } from './parts-traffic.ts'

export interface Part {
	readonly name: string
	/** For people who choose. */
	readonly about: string
	run(): Promise<Row[]>
}

export const PARTS: readonly Part[] = [
	{ name: 'attach', about: 'docker network connect, disconnect, create and rm; 20 containers at once', run: attach },
	{ name: 'lan', about: 'connect and disconnect on macvlan, and on ipvlan where the kernel has it', run: lan },
	{ name: 'starts', about: 'docker run --rm, and 10, 20 and 50 containers that start at once', run: starts },
	{ name: 'traffic', about: 'streams, bytes there and back, new connections, by every way', run: ways },
	{ name: 'ports', about: 'the same among 1,000 networks with 5,000 published ports', run: crowdedWays },
]
