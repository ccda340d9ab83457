/** Containers of mode host and the host have one 127.0.0.1 and one ::1, as far as ports go. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { OWN_LOOPBACK6 } from '../../src/kernel/loopback-table.ts'
import { hostPortOf } from '../../src/network/publish.ts'
import { eventually } from '../support/eventually.ts'
import { type Bed, makeBed, noBed, type Place } from './networks-bed.ts'
import { EACH, HOST, LOOPBACK, showBridgedFrames } from './networks-scene.ts'
import {
	type Container,
	endAll,
	gatewayOf,
	networkRequest,
	runContainer,
	startWeft,
	type Weft,
} from './networks-weft.ts'

const ANY = { 4: '0.0.0.0', 6: '::' } as const

/** In a container: counts what has come to ::1 from elsewhere, since an answer to a neighbour would be dropped on its way anyhow. */
const WITNESS = `table inet witness {
	chain arrivals {
		type filter hook input priority 120
		iifname "eth0" ip6 daddr ::1 counter
	}
}
`

describe('the loopback of a container of mode host', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	let one: Container
	let two: Container
	let other: Container
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1, { options: { mode: 'host' } }))
		await weft.verbs.createNetwork(networkRequest(2))
		;[one, two, other] = await Promise.all([
			runContainer(weft, 1, 2),
			runContainer(weft, 1, 3),
			runContainer(weft, 2, 2),
		])
	})
	after(() =>
		endAll(
			bed,
			weft,
			[one, two, other].filter((each) => each !== undefined),
		),
	)

	async function listen(place: Place, number: number, at: Readonly<Record<4 | 6, string>>, says?: string) {
		for (const { family, protocol } of EACH) await place.listen(protocol, number, at[family], says)
	}

	async function close(place: Place, number: number, at: Readonly<Record<4 | 6, string>>) {
		for (const { family, protocol } of EACH) await place.close(protocol, number, at[family])
	}

	/** Until a place gets this answer at its own loopback, by every protocol and family. */
	async function answers(place: Place, number: number, expected: Readonly<Record<4 | 6, string | null>>) {
		for (const { family, protocol } of EACH) {
			let last: string | null = null
			const asks = async () => {
				last = await place.dial(protocol, LOOPBACK[family], number, { patience: 300 })
				return last === expected[family]
			}
			await eventually(asks, { what: () => `${protocol} ${LOOPBACK[family]} ${number}: ${last}` })
		}
	}

	const alike = (text: string | null) => ({ 4: text, 6: text })

	for (const shown of ['0', '1'] as const) {
		it(`leads to what the host serves there, with bridge-nf-call-iptables=${shown}`, async () => {
			showBridgedFrames(shown)
			const number = 7100 + Number(shown)
			await listen(bed.host, number, LOOPBACK)
			await answers(one.place, number, { 4: LOOPBACK[4], 6: one.address[6] })
			await answers(two.place, number, { 4: LOOPBACK[4], 6: two.address[6] })
			for (const { family, protocol } of EACH) {
				assert.ok(await other.place.isShutOut(protocol, gatewayOf(2)[family], number), `${protocol} of another network`)
			}
			await close(bed.host, number, LOOPBACK)
			await answers(one.place, number, alike(null))
		})

		it(`is led to by the host’s own, and by nothing else, with bridge-nf-call-iptables=${shown}`, async () => {
			showBridgedFrames(shown)
			const number = 7110 + Number(shown)
			await listen(one.place, number, LOOPBACK)
			await answers(bed.host, number, { 4: LOOPBACK[4], 6: gatewayOf(1)[6] })
			for (const { family, protocol } of EACH) {
				assert.ok(await bed.outside.isShutOut(protocol, HOST[family], number), `${protocol} ${family} from outside`)
				assert.ok(await bed.host.isShutOut(protocol, HOST[family], number), `${protocol} ${family} of the host`)
				assert.ok(await two.place.isShutOut(protocol, one.address[family], number), `${protocol} ${family} beside`)
			}
			await close(one.place, number, LOOPBACK)
			await answers(bed.host, number, alike(null))
		})
	}

	it('leads to what the host serves at every address, and to ports of other containers there', async () => {
		await listen(bed.host, 7120, ANY)
		await answers(one.place, 7120, { 4: LOOPBACK[4], 6: one.address[6] })
		await listen(two.place, 7121, ANY, 'two')
		await answers(one.place, 7121, alike('two'))
	})

	it('goes to the container’s own ports before the host’s', async () => {
		await listen(bed.host, 7130, LOOPBACK, 'host')
		await answers(one.place, 7130, alike('host'))
		await listen(one.place, 7130, LOOPBACK, 'one')
		await answers(one.place, 7130, alike('one'))
		await answers(two.place, 7130, alike('host'))
		await answers(bed.host, 7130, alike('host'))
		const refused = () =>
			weft.sharedPorts
				.of(one.endpointId)
				.refused.map(({ port }) => hostPortOf(port))
				.sort()
		await eventually(() => refused().length === 4, { what: () => `four refusals and not ${refused()}` })
		assert.deepEqual(refused(), ['tcp 127.0.0.1 7130', 'tcp ::1 7130', 'udp 127.0.0.1 7130', 'udp ::1 7130'])
	})

	it('is open to nobody else on the network', async () => {
		await one.place.listen('tcp', 7140, LOOPBACK[4])
		await eventually(async () => (await bed.host.dial('tcp', LOOPBACK[4], 7140, { patience: 300 })) === LOOPBACK[4])
		const three = await runContainer(weft, 1, 4)
		await three.place.run('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet')
		await three.place.ip('addr del 127.0.0.1/8 dev lo', `route add 127.0.0.1 via ${one.address[4]} dev eth0`)
		assert.ok(await three.place.isShutOut('tcp', LOOPBACK[4], 7140))
		await one.place.listen('tcp', 7140, LOOPBACK[6])
		await eventually(async () => (await bed.host.dial('tcp', LOOPBACK[6], 7140, { patience: 300 })) === gatewayOf(1)[6])
		await eventually(async () => (await three.place.run('ip', 'addr')).includes(OWN_LOOPBACK6))
		await three.place.ip(
			`addr del ${OWN_LOOPBACK6}/128 dev eth0`,
			`route add ${OWN_LOOPBACK6} dev eth0`,
			`neigh replace ${OWN_LOOPBACK6} lladdr ${one.mac} dev eth0`,
		)
		await one.place.pipe(WITNESS, 'nft', '-f', '-')
		assert.ok(await three.place.isShutOut('tcp', OWN_LOOPBACK6, 7140))
		const seen = () => one.place.run('nft', 'list', 'table', 'inet', 'witness')
		assert.match(await seen(), /counter packets 0 /)
		assert.ok(await bed.host.dial('tcp', LOOPBACK[6], 7140))
		assert.doesNotMatch(await seen(), /counter packets 0 /)
		await one.place.listen('tcp', 7141, one.address[4])
		assert.ok(await three.place.dial('tcp', one.address[4], 7141))
		await three.place.end()
	})

	it('is its own again when it leaves the network', async () => {
		await listen(bed.host, 7150, LOOPBACK)
		await answers(one.place, 7150, { 4: LOOPBACK[4], 6: one.address[6] })
		assert.match(await one.place.run('nft', 'list', 'tables'), /weft/)
		await weft.verbs.leave(one.networkId, one.endpointId)
		await weft.verbs.deleteEndpoint(one.networkId, one.endpointId)
		await eventually(async () => !(await one.place.run('nft', 'list', 'tables')).includes('weft'))
		await answers(one.place, 7150, alike(null))
		assert.deepEqual(await weft.differences(), [])
	})
})
