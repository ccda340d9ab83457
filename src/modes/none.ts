/** none: containers with the loopback alone. What Docker's IPAM gives them is kept for them, and on no link. */
import type { NoneNetwork } from '../model/network.ts'
import type { Mode } from './mode.ts'

export const none: Mode<NoneNetwork> = {
	ownMac: false,
	validate: () => undefined,
	skipsGateway: () => ({ 4: true, 6: true }),
	network: () => [],
	attached: () => [],
	published: () => [],
	link: () => undefined,
	attachment: () => ({ noGatewayService: true }),
}
