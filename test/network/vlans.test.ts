/** Parents that are VLANs of a link: made on demand, had together, and taken away only by the last that has what weft made. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode } from '../../src/errors.ts'
import { hasParent, type Vlan } from '../../src/model/network.ts'
import { attach, type Bench, bench, endpointRequest, idOf, networkRequest, networks } from './host.ts'

function onParent(number: number, parent: string, options: Readonly<Record<string, string>> = {}) {
	return networkRequest(number, { options: { mode: 'macvlan', parent, ...options } })
}

function withLinks(...names: readonly string[]): Bench {
	const host = bench()
	for (const name of names) host.kernel.addForeignLink(name)
	return host
}

const id = (number: number) => idOf(`network ${number}`)

function vlansOf(host: Bench, number: number): readonly Vlan[] {
	const network = host.store.get('network', '', id(number))
	return network !== undefined && hasParent(network) ? network.vlans : []
}

describe('a VLAN as a parent', () => {
	it('is made on demand, and goes with its network', async () => {
		const host = withLinks('eth0')
		await host.verbs.createNetwork(onParent(1, 'eth0.50'))
		assert.deepEqual(vlansOf(host, 1), [{ name: 'eth0.50', parent: 'eth0', id: 50 }])
		assert.deepEqual(host.kernel.objects(), ['link eth0', 'link eth0.50'])
		await attach(host, endpointRequest())
		await host.verbs.deleteNetwork(id(1))
		assert.deepEqual([networks(host), host.kernel.objects()], [[], ['link eth0']])
	})

	it('is that of its link by whatever name that is called', async () => {
		const host = withLinks('eth0')
		host.kernel.addForeignLink('enp3s0', { name: 'eth0' })
		await host.verbs.createNetwork(onParent(1, 'enp3s0.100.50'))
		await host.verbs.createNetwork(onParent(2, 'eth0.100'))
		assert.deepEqual(
			vlansOf(host, 1).map(({ name }) => name),
			['eth0.100', 'eth0.100.50'],
		)
		for (const number of [1, 2]) await host.verbs.deleteNetwork(id(number))
		assert.deepEqual(host.kernel.objects(), ['link enp3s0', 'link eth0'])
	})

	it('may be a VLAN of a VLAN, of which only what is missing is made', async () => {
		const host = withLinks('eth0', 'eth1', 'eth1.100')
		await host.verbs.createNetwork(onParent(1, 'eth0.100.50'))
		await host.verbs.createNetwork(onParent(2, 'eth1.100.50'))
		const names = [1, 2].map((number) => vlansOf(host, number).map(({ name }) => name))
		assert.deepEqual(names, [['eth0.100', 'eth0.100.50'], ['eth1.100.50']])
		for (const number of [1, 2]) await host.verbs.deleteNetwork(id(number))
		assert.deepEqual(host.kernel.objects(), ['link eth0', 'link eth1', 'link eth1.100'])
	})

	for (const first of [1, 2, 3]) {
		it(`is had together, and goes with the last of its networks (${first} goes first)`, async () => {
			const host = withLinks('eth0')
			await host.verbs.createNetwork(onParent(1, 'eth0.100'))
			await host.verbs.createNetwork(onParent(2, 'eth0.100.50'))
			await host.verbs.createNetwork(onParent(3, 'eth0.100'))
			const [second = 0, third = 0] = [1, 2, 3].filter((number) => number !== first)
			for (const number of [first, second]) {
				await host.verbs.deleteNetwork(id(number))
				assert.ok(host.kernel.hasLink('eth0.100'))
			}
			await host.verbs.deleteNetwork(id(third))
			assert.deepEqual(host.kernel.objects(), ['link eth0'])
		})
	}

	it('is gone when all its networks are taken away at once, and there when one comes meanwhile', async () => {
		const host = withLinks('eth0')
		for (const number of [1, 2, 3]) await host.verbs.createNetwork(onParent(number, 'eth0.50'))
		await Promise.all([1, 2, 3].map((number) => host.verbs.deleteNetwork(id(number))))
		assert.deepEqual(host.kernel.objects(), ['link eth0'])
		await host.verbs.createNetwork(onParent(1, 'eth0.50'))
		await Promise.all([host.verbs.deleteNetwork(id(1)), host.verbs.createNetwork(onParent(2, 'eth0.50'))])
		assert.deepEqual(host.kernel.objects(), ['link eth0', 'link eth0.50'])
		assert.equal(vlansOf(host, 2).length, 1)
	})

	it('that was there stays', async () => {
		const host = withLinks('eth0', 'eth0.50')
		await host.verbs.createNetwork(onParent(1, 'eth0.50'))
		assert.deepEqual(vlansOf(host, 1), [])
		await host.verbs.deleteNetwork(id(1))
		assert.deepEqual(host.kernel.objects(), ['link eth0', 'link eth0.50'])
	})

	it('comes again after a reboot, and still goes with its network', async () => {
		const first = withLinks('eth0')
		await first.verbs.createNetwork(onParent(1, 'eth0.50'))
		first.kernel.reboot()
		first.kernel.addForeignLink('eth0')
		const host = bench(first.store, first.kernel)
		await host.resync()
		assert.deepEqual(host.kernel.objects(), ['link eth0', 'link eth0.50'])
		await host.verbs.deleteNetwork(id(1))
		assert.deepEqual(host.kernel.objects(), ['link eth0'])
	})

	for (const [parent, words, options = {}] of [
		['eth0.0', /parent="eth0.0" is no link of this host, nor a VLAN: their numbers are from 1 to 4094/],
		['eth0.4095', /from 1 to 4094/],
		['eth0.50.4095', /parent="eth0.50.4095".*from 1 to 4094/],
		['eth9.50', /parent="eth9" is no link of this host/],
		['eth0.x', /parent="eth0.x" is no link of this host/],
		['down0.50', /parent="down0" is down/],
		['small0.50', /mtu="1500" is more than the 1400 bytes of the parent small0.50/, { mtu: '1500' }],
	] as const) {
		it(`${parent} is refused, and nothing is left`, async () => {
			const host = withLinks('eth0')
			host.kernel.addForeignLink('down0', { up: false })
			host.kernel.addForeignLink('small0', { mtu: 1400 })
			const before = host.kernel.objects()
			await assert.rejects(
				host.verbs.createNetwork(onParent(1, parent, options)),
				(error: Error) => isCode(error, 'invalid') && words.test(error.message),
			)
			assert.deepEqual([networks(host), host.kernel.objects()], [[], before])
		})
	}

	it('that the kernel refuses leaves no network', async () => {
		const host = withLinks('eth0')
		host.kernel.before = (_, what) => {
			if (what === 'link eth0.100.50') throw new Error('no more links')
		}
		await assert.rejects(host.verbs.createNetwork(onParent(1, 'eth0.100.50')), /no more links/)
		assert.deepEqual([networks(host), host.kernel.objects()], [[], ['link eth0']])
	})
})
