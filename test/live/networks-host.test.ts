/** Networks of mode host: what a container listens on is on the host at the same number, and goes when it goes. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { MOST_PORTS } from '../../src/network/listening.ts'
import { hostPortOf } from '../../src/network/publish.ts'
import { scratch } from '../store/scratch.ts'
import { eventually } from '../support/eventually.ts'
import { type Bed, makeBed, noBed, type Place } from './networks-bed.ts'
import { EACH, FAMILIES, HOST, LOOPBACK, OUTSIDE, PROTOCOLS } from './networks-scene.ts'
import { type Container, endAll, networkRequest, port, runContainer, startWeft, type Weft } from './networks-weft.ts'

const ANY = { 4: '0.0.0.0', 6: '::' } as const

describe('networks of mode host', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	let one: Container
	let two: Container
	let other: Container
	let choosy: Container
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1, { options: { mode: 'host' } }))
		await weft.verbs.createNetwork(networkRequest(2))
		const options = { mode: 'host', ports: '7100-7109,7120/tcp', exclude: '7105' }
		await weft.verbs.createNetwork(networkRequest(3, { options }))
		;[one, two, other, choosy] = await Promise.all([
			runContainer(weft, 1, 2),
			runContainer(weft, 1, 3),
			runContainer(weft, 2, 2),
			runContainer(weft, 3, 2),
		])
		for (const { family, protocol } of EACH) await bed.outside.listen(protocol, 9000, OUTSIDE[family])
	})
	after(() =>
		endAll(
			bed,
			weft,
			[one, two, other, choosy].filter((each) => each !== undefined),
		),
	)

	async function listen(place: Place, number: number, says?: string): Promise<void> {
		for (const { family, protocol } of EACH) await place.listen(protocol, number, ANY[family], says)
	}

	async function close(place: Place, number: number): Promise<void> {
		for (const { family, protocol } of EACH) await place.close(protocol, number, ANY[family])
	}

	/** What of a container is refused, as `tcp 0.0.0.0 80`. */
	function refused({ endpointId }: Container): string[] {
		return weft.sharedPorts.of(endpointId).refused.map((each) => hostPortOf(each.port))
	}

	/** Until the outside gets this answer by every protocol and family. */
	async function answers(number: number, expected: string | null, from: Place = bed.outside): Promise<void> {
		for (const { family, protocol } of EACH) {
			const asks = () => from.dial(protocol, HOST[family], number, { patience: 300 })
			await eventually(async () => (await asks()) === expected, { what: `${protocol} ${HOST[family]} ${number}` })
		}
	}

	it('have what a container listens on at each address of the host, and the container sees its clients', async () => {
		await listen(one.place, 7000)
		for (const { family, protocol } of EACH) {
			const asks = () => bed.outside.dial(protocol, HOST[family], 7000, { patience: 300 })
			await eventually(async () => (await asks()) === OUTSIDE[family], { what: `${protocol} ${HOST[family]}` })
		}
		assert.ok(await bed.outside.isShutOut('tcp', HOST[4], 7001))
	})

	it('are reached from the host, by its loopback too, and from containers of this and of other networks', async () => {
		for (const { family, protocol } of EACH) {
			assert.ok(await bed.host.dial(protocol, HOST[family], 7000), `${protocol} ${HOST[family]}`)
			assert.ok(await bed.host.dial(protocol, LOOPBACK[family], 7000), `${protocol} ${LOOPBACK[family]}`)
			for (const { place } of [one, two, other]) {
				assert.ok(await place.dial(protocol, HOST[family], 7000), `${protocol} ${HOST[family]} from a container`)
			}
		}
	})

	it('let containers out with the address of the host', async () => {
		for (const { family, protocol } of EACH) {
			assert.equal(await one.place.dial(protocol, OUTSIDE[family], 9000), HOST[family])
		}
	})

	it('leave a port of the host with its owner, say who that is, and take it when it is free', async () => {
		await listen(bed.host, 7010, 'host')
		await listen(one.place, 7010, 'one')
		await eventually(() => refused(one).length === 4, { what: () => `four refusals and not ${refused(one)}` })
		await answers(7010, 'host')
		for (const { why } of weft.sharedPorts.of(one.endpointId).refused) {
			assert.match(why, /^port \S+:7010\/(tcp|udp) is already allocated by .+ \(pid \d+\)$/)
		}
		await close(bed.host, 7010)
		await answers(7010, 'one')
		await eventually(() => refused(one).length === 0, { what: () => `no refusals and not ${refused(one)}` })
		await close(one.place, 7010)
		await answers(7010, null)
	})

	it('leave a port with the container that had it first, and give it to the next when that closes', async () => {
		await listen(one.place, 7020, 'one')
		await answers(7020, 'one')
		await listen(two.place, 7020, 'two')
		await eventually(() => refused(two).length === 4, { what: () => `four refusals and not ${refused(two)}` })
		assert.match(weft.sharedPorts.of(two.endpointId).refused[0]?.why ?? '', /by endpoint \w{12} of network \w{12}$/)
		await answers(7020, 'one')
		await close(one.place, 7020)
		await answers(7020, 'two')
		await listen(one.place, 7020, 'one')
		await eventually(() => refused(one).length === 4, { what: () => `four refusals and not ${refused(one)}` })
		await answers(7020, 'two')
	})

	it('follow a port that is closed and opened again', async () => {
		for (const says of ['first', 'second']) {
			await listen(one.place, 7030, says)
			await answers(7030, says)
			await close(one.place, 7030)
			await answers(7030, null)
		}
	})

	it('have the ports alone that the network allows', async () => {
		for (const number of [7100, 7105, 7109, 7110, 7120]) await listen(choosy.place, number)
		for (const family of FAMILIES) {
			const asks = (protocol: 'tcp' | 'udp', number: number) =>
				bed.outside.dial(protocol, HOST[family], number, { patience: 300 })
			for (const [protocol, number] of [
				['tcp', 7100],
				['udp', 7109],
				['tcp', 7120],
			] as const) {
				await eventually(async () => (await asks(protocol, number)) === OUTSIDE[family], {
					what: `${number}/${protocol}`,
				})
			}
			for (const [protocol, number] of [
				['tcp', 7105],
				['tcp', 7110],
				['udp', 7120],
			] as const) {
				assert.equal(await asks(protocol, number), null, `${number}/${protocol}`)
			}
		}
	})

	it('have ports of UDP whose number the kernel could have chosen', async () => {
		await one.place.listen('udp', 51820, '0.0.0.0')
		const asks = () => bed.outside.dial('udp', HOST[4], 51820, { patience: 300 })
		await eventually(async () => (await asks()) === OUTSIDE[4])
	})

	it('publish what is asked for as well, which goes before what is found', async () => {
		await weft.verbs.publish(two.networkId, two.endpointId, port(7041, 7040))
		await listen(two.place, 7040, 'asked')
		await listen(two.place, 7041, 'found')
		await answers(7040, 'asked')
		await answers(7041, 'asked')
		await weft.verbs.unpublish(two.networkId, two.endpointId)
		await weft.renewTables()
		await answers(7040, 'asked')
	})

	it('hear nothing of what listens on another address', async () => {
		await one.place.ip('addr add 192.0.2.9/32 dev lo')
		for (const protocol of PROTOCOLS) await one.place.listen(protocol, 7050, '192.0.2.9')
		await one.place.listen('tcp', 7051, one.address[4])
		const asks = (number: number) => bed.outside.dial('tcp', HOST[4], number, { patience: 300 })
		await eventually(async () => (await asks(7051)) === OUTSIDE[4])
		assert.equal(await asks(7050), null)
	})

	it('have no more of a container than it may have, and what it had stays', async (t) => {
		const over = join(await scratch(t), 'over')
		const script = `for (let i = 0; i < 10000; i++) require('node:net').createServer().listen(20000 + i, '0.0.0.0')
			setInterval(() => require('node:fs').existsSync('${over}') && process.exit(), 20)`
		const running = two.place.run('sh', '-c', 'ulimit -n 20000; exec "$@"', '-', process.execPath, '-e', script)
		const beyond = () => weft.sharedPorts.of(two.endpointId).beyond
		// Beside its 10,000 it has those of the tests before.
		await eventually(() => beyond() > 10_000 - MOST_PORTS, { what: () => `${beyond()} more than it may have` })
		await answers(7040, 'asked')
		await writeFile(over, '')
		await running
		await eventually(() => weft.sharedPorts.of(two.endpointId).beyond === 0, { what: 'no more than it may have' })
	})

	it('agree with the kernel, and take away all that they had', async () => {
		assert.deepEqual(await weft.differences(), [])
		await weft.verbs.leave(one.networkId, one.endpointId)
		await weft.verbs.deleteEndpoint(one.networkId, one.endpointId)
		await answers(7000, null)
		assert.deepEqual(await weft.differences(), [])
	})
})
