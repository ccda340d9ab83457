/**
 * What others do to the links and addresses of networks is noticed and made good. Each case is tried twice: first while
 * nobody watches, to see that packets do stop, then with weft watching.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { bridgeName } from '../../src/model/names.ts'
import { eventually } from '../support/eventually.ts'
import { noBed, setSysctl } from './networks-bed.ts'
import { EACH, HOST, OUTSIDE, PUBLISHED, type Scene, SERVICE, setScene } from './networks-scene.ts'
import { gatewayOf, idOf, type Watching } from './networks-weft.ts'

/** Milliseconds in which a repair is promised. */
const PROMISE = 5_000

const BRIDGE = bridgeName(idOf('network 1'))
const GATEWAY = gatewayOf(1)

/** What somebody does, with the ports of the bridge for PORT, and what weft says that it found. */
const CASES: Readonly<Record<string, readonly [commands: readonly string[], found: RegExp]>> = {
	'ip link del BRIDGE': [
		[`link del ${BRIDGE}`],
		new RegExp(`^link ${BRIDGE} was deleted: .*link ${BRIDGE} was gone, address .* and so on \\(\\d more\\)$`, 'm'),
	],
	'ip link set BRIDGE down': [
		[`link set ${BRIDGE} down`],
		new RegExp(`^link ${BRIDGE} .*: .*link ${BRIDGE} was down, address ${BRIDGE} ${GATEWAY[6]}/64 was gone`, 'm'),
	],
	'ip addr del GATEWAY': [
		[`addr del ${GATEWAY[4]}/24 dev ${BRIDGE}`, `addr del ${GATEWAY[6]}/64 dev ${BRIDGE}`],
		new RegExp(`^link ${BRIDGE} lost an address: .*address ${BRIDGE} ${GATEWAY[4]}/24 was gone`, 'm'),
	],
	'ip link set PORT nomaster': [
		['link set PORT nomaster'],
		/^link wv\w+ left its bridge: .*link wv\w+ was not on weft/m,
	],
	'ip link set PORT down': [['link set PORT down'], /^link wv\w+ was set down: .*link wv\w+ was down/m],
}

/** What nobody is told of. */
const UNTOLD: Readonly<Record<string, readonly [commands: readonly string[], found: RegExp]>> = {
	'ip route del SUBNET': [
		[`route del 10.231.1.0/24 dev ${BRIDGE}`, `route del fd00:231:1::/64 dev ${BRIDGE}`],
		new RegExp(
			`address ${BRIDGE} ${GATEWAY[4]}/24 was without its route, address ${BRIDGE} ${GATEWAY[6]}/64 was without its route`,
		),
	],
	'ip link set BRIDGE mtu': [
		[`link set ${BRIDGE} mtu 1300`],
		new RegExp(`link ${BRIDGE} was with an MTU of 1300 instead of 1500`),
	],
	'ip link set PORT mtu': [['link set PORT mtu 1300'], /link wv\w+ was with an MTU of 1300 instead of 1500/],
	'bridge link set dev PORT hairpin off': [['link set PORT type bridge_slave hairpin off'], /hairpin wv\w+ was off/],
	'sysctl net.ipv4.ip_forward=0': [[], /sysctl net\/ipv4\/ip_forward was 0 instead of 1/],
}

describe('links that somebody changed', { skip: noBed() }, () => {
	let scene: Scene
	let watching: Watching | undefined
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())
	afterEach(() => watching?.end())

	async function somebodyDoes(commands: readonly string[]): Promise<void> {
		const ports: { ifname: string }[] = JSON.parse(await scene.host.run('ip', '-j', 'link', 'show', 'master', BRIDGE))
		for (const command of commands) {
			const each = command.includes('PORT') ? ports.map(({ ifname }) => command.replace('PORT', ifname)) : [command]
			await scene.host.ip(...each)
		}
	}

	async function passes(): Promise<boolean> {
		const shut = EACH.map(({ family, protocol }) => scene.red.place.isShutOut(protocol, OUTSIDE[family], SERVICE))
		return !(await Promise.all(shut)).includes(true)
	}

	async function passWithin(limit: number): Promise<void> {
		const deadline = Date.now() + limit
		while (!(await passes())) assert.ok(Date.now() < deadline, `shut for ${limit} ms`)
		const { red, red2, outside } = scene
		for (const { family, protocol } of EACH) {
			assert.equal(await red.place.dial(protocol, red2.address[family], SERVICE), red.address[family])
			assert.equal(await red.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
			assert.equal(await outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
			// By the host and back, which needs the port's hairpin as well.
			assert.ok(await red.place.dial(protocol, HOST[family], PUBLISHED))
		}
	}

	for (const [name, [commands, found]] of Object.entries(CASES)) {
		it(`${name}: they are as before, and packets pass`, async () => {
			await passWithin(PROMISE)
			await somebodyDoes(commands)
			assert.ok(!(await passes()), 'packets pass all the same')

			await scene.weft.look()
			watching = await scene.weft.watch()
			await passWithin(PROMISE)
			await somebodyDoes(commands)
			await passWithin(PROMISE)
			assert.match(watching.repairs.join('\n'), found)
		})
	}

	for (const [name, [commands, found]] of Object.entries(UNTOLD)) {
		it(`${name}: it is found in a look at everything, and by who asks`, async () => {
			await passWithin(PROMISE)
			assert.deepEqual(await scene.weft.differences(), [])
			await somebodyDoes(commands)
			if (commands.length === 0) setSysctl('net/ipv4/ip_forward', '0')
			assert.match((await scene.weft.differences()).join(', '), found)

			watching = await scene.weft.watch(200)
			await eventually(async () => (await scene.weft.differences()).length === 0)
			assert.match(watching.repairs.join('\n'), found)
			assert.match(watching.repairs.join('\n'), /^it was found so in a look at everything: put network/)
			await passWithin(PROMISE)
		})
	}
})
