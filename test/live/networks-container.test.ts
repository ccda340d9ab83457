/** Networks of mode container: what a container listens on is with another container, which owns the network, and both have one loopback. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { hostPortOf } from '../../src/network/publish.ts'
import { eventually } from '../support/eventually.ts'
import { type Bed, makeBed, noBed, type Place } from './networks-bed.ts'
import { EACH, HOST, LOOPBACK, OUTSIDE, showBridgedFrames } from './networks-scene.ts'
import {
	type Container,
	endAll,
	gatewayOf,
	networkRequest,
	port,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const ANY = { 4: '0.0.0.0', 6: '::' } as const
const OPTIONS = { mode: 'container', container: 'web' }

describe('networks of mode container', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	let web: Container
	let customer: Container
	let one: Container
	let two: Container
	before(async () => {
		bed = await makeBed()
		showBridgedFrames('1')
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1))
		;[web, customer] = [await runContainer(weft, 1, 2), await runContainer(weft, 1, 3)]
		weft.containers.start('web', web.place.pid)
		await weft.verbs.createNetwork(networkRequest(2, { options: OPTIONS }))
		;[one, two] = await Promise.all([runContainer(weft, 2, 2), runContainer(weft, 2, 3)])
		for (const { family, protocol } of EACH) await bed.outside.listen(protocol, 9000, OUTSIDE[family])
	})
	after(() =>
		endAll(
			bed,
			weft,
			[web, customer, one, two].filter((each) => each !== undefined),
		),
	)

	async function listen(place: Place, number: number, at: Readonly<Record<4 | 6, string>> = ANY, says?: string) {
		for (const { family, protocol } of EACH) await place.listen(protocol, number, at[family], says)
	}

	async function close(place: Place, number: number, at: Readonly<Record<4 | 6, string>> = ANY) {
		for (const { family, protocol } of EACH) await place.close(protocol, number, at[family])
	}

	/** Until a place gets this answer from these addresses, by every protocol and family. */
	async function answers(
		place: Place,
		at: Readonly<Record<4 | 6, string>>,
		number: number,
		expected: Readonly<Record<4 | 6, string>> | string | null,
	) {
		for (const { family, protocol } of EACH) {
			let last: string | null = null
			const wanted = expected === null || typeof expected === 'string' ? expected : expected[family]
			const asks = async () => {
				last = await place.dial(protocol, at[family], number, { patience: 300 })
				return last === wanted
			}
			await eventually(asks, { what: () => `${protocol} ${at[family]} ${number}: ${last} instead of ${wanted}` })
		}
	}

	function refused({ endpointId }: Container): string[] {
		return weft.sharedPorts.of(endpointId).refused.map((each) => hostPortOf(each.port))
	}

	for (const shown of ['0', '1'] as const) {
		it(`have what a container listens on at its owner’s addresses, and it sees its clients, bridge-nf-call-iptables=${shown}`, async () => {
			showBridgedFrames(shown)
			const number = 7000 + Number(shown)
			await listen(one.place, number)
			await answers(customer.place, web.address, number, customer.address)
			await answers(bed.host, web.address, number, gatewayOf(1))
			await close(one.place, number)
			await answers(customer.place, web.address, number, null)
		})
	}

	it('have what the owner publishes on the host, with the address of the client', async () => {
		await weft.verbs.publish(web.networkId, web.endpointId, port(8080, 7010))
		await listen(one.place, 7010)
		await answers(bed.outside, HOST, 8080, OUTSIDE)
		await close(one.place, 7010)
		await weft.verbs.unpublish(web.networkId, web.endpointId)
	})

	it('let containers out with the address of the owner', async () => {
		await listen(customer.place, 7020)
		await answers(one.place, customer.address, 7020, web.address)
		await answers(one.place, OUTSIDE, 9000, HOST)
	})

	it('reach each other and the owner, and nobody else reaches them', async () => {
		await listen(two.place, 7030, ANY, 'two')
		await answers(one.place, two.address, 7030, 'two')
		await answers(one.place, web.address, 7030, 'two')
		await listen(web.place, 7031, ANY, 'web')
		await answers(one.place, web.address, 7031, 'web')
		for (const { family, protocol } of EACH) {
			for (const place of [bed.host, bed.outside, customer.place]) {
				assert.ok(await place.isShutOut(protocol, two.address[family], 7030), `${protocol} ${family}`)
			}
		}
	})

	it('have one 127.0.0.1 and one ::1 with the owner', async () => {
		await listen(web.place, 7040, LOOPBACK)
		await answers(one.place, LOOPBACK, 7040, { 4: LOOPBACK[4], 6: one.address[6] })
		await listen(one.place, 7041, LOOPBACK)
		await answers(web.place, LOOPBACK, 7041, { 4: LOOPBACK[4], 6: gatewayOf(2)[6] })
		await listen(two.place, 7042, ANY, 'two')
		await answers(one.place, LOOPBACK, 7042, 'two')
		for (const { family, protocol } of EACH) {
			assert.ok(await customer.place.isShutOut(protocol, web.address[family], 7040), `${protocol} ${family}`)
			assert.ok(await customer.place.isShutOut(protocol, web.address[family], 7041), `${protocol} ${family}`)
			assert.ok(await bed.host.isShutOut(protocol, LOOPBACK[family], 7041), `${protocol} ${family} of the host`)
		}
	})

	it('leave a port with the owner, say who that is, and take it when it is free', async () => {
		await listen(web.place, 7050, ANY, 'web')
		await listen(one.place, 7050, ANY, 'one')
		await eventually(() => refused(one).length === 4, { what: () => `four refusals and not ${refused(one)}` })
		for (const { why } of weft.sharedPorts.of(one.endpointId).refused) {
			assert.match(why, /^port \S+:7050\/(tcp|udp) is already allocated by .+ \(pid \d+\)$/)
		}
		await answers(customer.place, web.address, 7050, 'web')
		await close(web.place, 7050)
		await answers(customer.place, web.address, 7050, 'one')
		await eventually(() => refused(one).length === 0)
	})

	it('do not hear who speaks with another address than its own', async () => {
		await one.place.ip('addr add 10.231.2.99/32 dev eth0', 'route add 10.231.1.3/32 via 10.231.2.1 src 10.231.2.99')
		assert.equal(await one.place.pings(customer.address[4]), false)
		await one.place.ip('route del 10.231.1.3/32', 'addr del 10.231.2.99/32 dev eth0')
		assert.equal(await one.place.pings(customer.address[4]), true)
	})

	it('follow the owner to another network', async () => {
		await weft.verbs.createNetwork(networkRequest(3))
		const { verbs } = weft
		const there = await runContainer(weft, 3, 3)
		const request = { networkId: there.networkId, id: '3'.repeat(64), ipv4: '10.231.3.2/24', ipv6: 'fd00:231:3::2/64' }
		await verbs.createEndpoint(request)
		const { link } = await verbs.join(request.networkId, request.id)
		await bed.host.ip(`link set ${link} netns ${web.place.pid}`)
		await web.place.ip(
			`link set ${link} name eth1`,
			'addr add 10.231.3.2/24 dev eth1',
			'addr add fd00:231:3::2/64 dev eth1 nodad',
			'link set eth1 up',
		)
		await listen(two.place, 7060)
		await answers(there.place, { 4: '10.231.3.2', 6: 'fd00:231:3::2' }, 7060, there.address)
		await there.place.end()
		for (const id of [there.endpointId, request.id]) {
			await verbs.leave(there.networkId, id)
			await verbs.deleteEndpoint(there.networkId, id)
		}
	})

	it('follow an owner that starts again elsewhere, with the links that they have', async () => {
		await listen(one.place, 7070, ANY, 'one')
		await answers(customer.place, web.address, 7070, 'one')
		weft.containers.stop('web')
		await weft.verbs.leave(web.networkId, web.endpointId)
		await weft.verbs.deleteEndpoint(web.networkId, web.endpointId)
		await eventually(() => weft.owners.of(one.networkId).why === 'container web is not running')
		await web.place.end()
		await answers(one.place, OUTSIDE, 9000, null)
		web = await runContainer(weft, 1, 4)
		weft.containers.start('web', web.place.pid)
		await answers(customer.place, web.address, 7070, 'one')
		await answers(one.place, OUTSIDE, 9000, HOST)
		await listen(web.place, 7071, LOOPBACK, 'web')
		await answers(one.place, LOOPBACK, 7071, 'web')
	})

	it('have back what somebody takes away in the namespace of the owner', async () => {
		await answers(customer.place, web.address, 7070, 'one')
		assert.deepEqual(weft.repairs, [], 'what weft does itself is nothing to be put right')
		const [, bridge = ''] = /(weft[0-9a-f]{11}):/.exec(await web.place.run('ip', 'link')) ?? []
		const [, link = ''] = /(wv\w+)@/.exec(await web.place.run('ip', 'link', 'show', 'master', bridge)) ?? []
		const damage = [
			['nft', 'flush', 'ruleset'],
			['ip', 'link', 'del', link],
			['ip', 'link', 'set', link, 'nomaster'],
			['ip', 'link', 'set', link, 'down'],
			['ip', 'addr', 'del', '10.231.2.1/24', 'dev', bridge],
			['ip', 'link', 'del', bridge],
		]
		for (const argv of damage) {
			const told = weft.repairs.length
			await web.place.run(...argv)
			await eventually(() => weft.repairs.length > told, { what: argv.join(' ') })
			await answers(customer.place, web.address, 7070, 'one')
			await answers(one.place, OUTSIDE, 9000, HOST)
			assert.deepEqual(await weft.differences(), [], argv.join(' '))
		}
	})

	it('leave nothing with the owner when they go', async () => {
		assert.match(await web.place.run('nft', 'list', 'tables'), /weft/)
		assert.deepEqual(await weft.differences(), [])
		for (const { networkId, endpointId } of [one, two]) {
			await weft.verbs.leave(networkId, endpointId)
			await weft.verbs.deleteEndpoint(networkId, endpointId)
		}
		await weft.verbs.deleteNetwork(one.networkId)
		assert.equal(await web.place.run('nft', 'list', 'tables'), '')
		assert.doesNotMatch(await web.place.run('ip', 'link'), /weft|wv/)
		assert.deepEqual(await weft.differences(), [])
	})
})
