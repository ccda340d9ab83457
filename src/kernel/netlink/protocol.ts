/** Protocols with ports, as the kernel numbers them: see linux/in.h. */
import type { Protocol } from '../../model/network.ts'

export const NUMBER_OF: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }
