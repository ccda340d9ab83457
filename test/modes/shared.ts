/** Networks with an owner, of modes host and container, and a container on one. */
import type { Endpoint, PublishedPort, SharedNetwork } from '../../src/model/network.ts'

/** What such a network has of both families, but for its options. */
export const DUAL_STACK: Omit<SharedNetwork, 'options'> = {
	id: 'n1',
	bridge: 'weft0',
	mtu: 1500,
	internal: false,
	ipv4: [{ pool: '10.0.0.0/24', gateway: '10.0.0.1/24', reserved: {} }],
	ipv6: [{ pool: 'fd00::/64', gateway: 'fd00::1/64', reserved: {} }],
	settled: true,
}

/** Port 80, which was found. */
export function foundPort(hostIp: string, containerIp: string): PublishedPort {
	return { protocol: 'tcp', hostIp, hostPort: 80, containerIp, containerPort: 80, found: true }
}

/** Without ports. */
export const ENDPOINT: Endpoint = {
	id: 'e1',
	networkId: 'n1',
	ipv4: '10.0.0.2/24',
	ipv6: 'fd00::2/64',
	mac: '02:42:0a:00:00:02',
	link: 'wv0',
	published: [],
}
