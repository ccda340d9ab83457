/** The IPAM driver on its own: what pools and addresses any caller may count on. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Json, text } from '../support/wire.ts'
import type { Subject } from './cnm-conformance.ts'
import { requestAddress } from './cnm-order-network.ts'

export function ipamTests(subject: Subject): void {
	async function requestPool(args: Json): Promise<{ id: string; pool: string }> {
		const spaces = await subject.wire.call('IpamDriver.GetDefaultAddressSpaces')
		const AddressSpace = text(spaces, 'LocalDefaultAddressSpace')
		const answer = await subject.wire.call('IpamDriver.RequestPool', {
			AddressSpace,
			SubPool: '',
			Options: null,
			...args,
		})
		return { id: text(answer, 'PoolID'), pool: text(answer, 'Pool') }
	}

	async function withPool(args: Json, work: (poolId: string) => Promise<void>): Promise<void> {
		const { id } = await requestPool(args)
		try {
			await work(id)
		} finally {
			await subject.wire.call('IpamDriver.ReleasePool', { PoolID: id })
		}
	}

	const take = (poolId: string, address = '', options: Json | null = null): Promise<string> =>
		requestAddress(subject.wire, poolId, address, options)
	const giveBack = (PoolID: string, Address: string): Promise<Json> =>
		subject.wire.call('IpamDriver.ReleaseAddress', { PoolID, Address })

	describe('addresses', () => {
		it('come with the mask of the pool, are never given twice, and avoid its edges', async () => {
			const prefix = subject.prefix4()
			await withPool({ Pool: `${prefix}.0/29` }, async (pool) => {
				const given = new Set<string>()
				for (let i = 0; i < 6; i++) given.add(await take(pool))
				const all = [1, 2, 3, 4, 5, 6].map((last) => `${prefix}.${last}/29`)
				assert.deepEqual([...given].sort(), all)
				await subject.refuses(() => take(pool), /IpamDriver.RequestAddress: /, 'an exhausted pool is an error')
			})
		})

		it('a wish is granted once, and again after it was given back', async () => {
			const prefix = subject.prefix4()
			await withPool({ Pool: `${prefix}.0/24`, V6: false }, async (pool) => {
				assert.equal(await take(pool, `${prefix}.77`), `${prefix}.77/24`)
				await giveBack(pool, `${prefix}.77`)
				assert.equal(await take(pool, `${prefix}.77`), `${prefix}.77/24`)
			})
		})

		it('a wish outside of the pool is refused', async () => {
			await withPool({ Pool: `${subject.prefix4()}.0/24` }, async (pool) => {
				await subject.refuses(() => take(pool, '192.0.2.1'), /192\.0\.2\.1/)
			})
		})

		it('the choice keeps to the range; gateway and aux may lie outside of it', async () => {
			const prefix = subject.prefix4()
			await withPool({ Pool: `${prefix}.0/24`, SubPool: `${prefix}.128/29` }, async (pool) => {
				const gateway = { RequestAddressType: 'com.docker.network.gateway' }
				assert.equal(await take(pool, `${prefix}.1`, gateway), `${prefix}.1/24`)
				assert.equal(await take(pool, `${prefix}.9`), `${prefix}.9/24`)
				for (let i = 0; i < 6; i++) {
					const last = Number((await take(pool)).split('/')[0]?.split('.')[3])
					assert.ok(last >= 128 && last < 136, `${prefix}.${last}`)
				}
			})
		})

		it('one just given back is not the next one given', async () => {
			await withPool({ Pool: `${subject.prefix4()}.0/24` }, async (pool) => {
				const address = await take(pool)
				await giveBack(pool, address.split('/')[0] ?? '')
				assert.notEqual(await take(pool), address)
			})
		})

		it('giving back the unknown, twice or nothing succeeds', async () => {
			const prefix = subject.prefix4()
			await withPool({ Pool: `${prefix}.0/24` }, async (pool) => {
				for (const address of [`${prefix}.9`, `${prefix}.9`, '192.0.2.1', '']) await giveBack(pool, address)
			})
		})

		it('options of newer versions of Docker do not hurt', async () => {
			await withPool({ Pool: `${subject.prefix4()}.0/24`, Options: { serial: 'true' } }, async (pool) => {
				await take(pool, '', { 'com.docker.network.endpoint.name': 'web', 'com.docker.network.ipam.serial': 'true' })
				await take(pool, '', {})
			})
		})

		it('IPv6 pools work the same', async () => {
			const prefix = subject.prefix6()
			await withPool({ Pool: `${prefix}::/64`, V6: true }, async (pool) => {
				assert.equal(await take(pool, `${prefix}::77`), `${prefix}::77/64`)
				assert.match(await take(pool), /^fd99:77:.*\/64$/)
			})
		})
	})

	describe('pools', () => {
		it('two that weft chooses are not the same', async () => {
			await withPool({ Pool: '', V6: false }, async (first) => {
				await withPool({ Pool: '' }, async (second) => assert.notEqual(first, second))
			})
		})

		it('releasing one gives back every address in it, as after a failed create', async () => {
			const prefix = subject.prefix4()
			for (let i = 0; i < 2; i++) {
				await withPool({ Pool: `${prefix}.0/24` }, async (pool) => {
					assert.equal(await take(pool, `${prefix}.1`), `${prefix}.1/24`)
				})
			}
		})

		it('releasing the unknown succeeds, and twice', async () => {
			const { id } = await requestPool({ Pool: `${subject.prefix4()}.0/24` })
			for (let i = 0; i < 2; i++) await subject.wire.call('IpamDriver.ReleasePool', { PoolID: id })
		})

		it('the id says the same for the same pool', async () => {
			const Pool = `${subject.prefix4()}.0/24`
			const ids: string[] = []
			for (let i = 0; i < 2; i++) await withPool({ Pool }, async (pool) => void ids.push(pool))
			assert.equal(ids[0], ids[1])
		})

		it('a range outside of the pool, or a pool of the other family, is refused', async () => {
			const Pool = `${subject.prefix4()}.0/24`
			await subject.refuses(() => requestPool({ Pool, SubPool: '192.0.2.0/26' }), /192\.0\.2\.0/)
			await subject.refuses(() => requestPool({ Pool, V6: true }), /IPv6/)
		})
	})
}
