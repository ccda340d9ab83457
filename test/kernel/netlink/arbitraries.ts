/** Any address, network and MAC, for properties of what is sent and read back. */
import fc from 'fast-check'
import { type Cidr, formatMac, type Ip, networkOf } from '../../../src/model/address.ts'

const v4: fc.Arbitrary<Ip> = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((value) => ({ family: 4, value }))
const v6: fc.Arbitrary<Ip> = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value) => ({ family: 6, value }))

export const anyIp: fc.Arbitrary<Ip> = fc.oneof(v4, v6)

/** With host bits. */
export const anyCidr: fc.Arbitrary<Cidr> = fc.oneof(
	fc.tuple(v4, fc.integer({ min: 0, max: 32 })).map(([ip, prefix]) => ({ ...ip, prefix })),
	fc.tuple(v6, fc.integer({ min: 0, max: 128 })).map(([ip, prefix]) => ({ ...ip, prefix })),
)

export const anyNetwork: fc.Arbitrary<Cidr> = anyCidr.map(networkOf)

export const anyMac: fc.Arbitrary<string> = fc
	.uint8Array({ minLength: 6, maxLength: 6 })
	.map(([first = 0, ...rest]) => formatMac(Uint8Array.of(first & 0xfe, ...rest)))
