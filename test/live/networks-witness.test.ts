/** What no answer would tell: packets that leave and get no reply, the mark on them, a detour inside a network. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bridgeName } from '../../src/model/names.ts'
import { eventually } from '../support/eventually.ts'
import { discovery, ether } from '../support/frames.ts'
import { noBed, type Place, setSysctl } from './networks-bed.ts'
import {
	EACH,
	FAMILIES,
	HOST,
	OUTSIDE,
	PUBLISHED,
	routeTo,
	type Scene,
	SERVICE,
	serve,
	setScene,
} from './networks-scene.ts'
import { gatewayOf, idOf, networkRequest, runContainer } from './networks-weft.ts'

/** At the outside: what comes with the address of a container of an internal network, and what comes from the host. */
const ARRIVALS = `table inet witness {
	counter inner { }
	counter host { }
	chain arrivals {
		type filter hook prerouting priority -500
		ip saddr 10.231.3.0/24 counter name inner
		ip6 saddr fd00:231:3::/64 counter name inner
		ip saddr ${HOST[4]} counter name host
		ip6 saddr ${HOST[6]} counter name host
	}
}
`

/** On the host: marked packets before the mark should be gone, and after. */
const MARKED = `table inet witness {
	counter before { }
	counter after { }
	chain early {
		type filter hook postrouting priority -10
		meta mark & 0x30000000 != 0 counter name before
	}
	chain late {
		type filter hook postrouting priority 300
		meta mark & 0x30000000 != 0 counter name after
	}
}
`

/** What a router sends to all: that it is one, for half an hour. */
const ALL = { from: 'fe80::1234', to: 'ff02::1' }
const ROUTER = Buffer.from('400007080000000000000000', 'hex')
/** So long that what frames carry behind their protocols is an option of 480 bytes that nobody knows. */
const OPTION = 'r'.repeat(476)

async function count(place: Place, counter: string): Promise<number> {
	const text = await place.run('nft', 'list', 'counter', 'inet', 'witness', counter)
	return Number(/packets (\d+)/.exec(text)?.[1])
}

describe('packets of networks, seen on their way', { skip: noBed() }, () => {
	let scene: Scene
	before(async () => {
		scene = await setScene()
		await scene.outside.pipe(ARRIVALS, 'nft', '-f', '-')
		await scene.host.pipe(MARKED, 'nft', '-f', '-')
	})
	after(() => scene?.end())

	it('do not leave an internal network, not even those that nobody would answer', async () => {
		const { inner, outside, red } = scene
		await Promise.all(EACH.map(({ family, protocol }) => inner.place.isShutOut(protocol, OUTSIDE[family], SERVICE)))
		for (const { family, protocol } of EACH) await red.place.dial(protocol, OUTSIDE[family], SERVICE)
		assert.equal(await count(outside, 'inner'), 0)
		assert.ok((await count(outside, 'host')) > 0)
	})

	it('reach an address that a container gave itself from the host alone', async () => {
		const { green, host, outside, weft } = scene
		await weft.verbs.createNetwork(networkRequest(4, { options: { antispoof: 'false' } }))
		const { place } = await runContainer(weft, 4, 2)
		try {
			const own = { 4: '10.231.4.77', 6: 'fd00:231:4::77' } as const
			await place.ip(`addr add ${own[4]}/24 dev eth0`, `addr add ${own[6]}/64 dev eth0 nodad`)
			await serve(place)
			await routeTo(outside, 4)
			for (const { family, protocol } of EACH) {
				assert.ok(await host.dial(protocol, own[family], SERVICE))
				for (const other of [outside, green.place]) {
					assert.ok(await other.isShutOut(protocol, own[family], SERVICE), `${protocol} by IPv${family}`)
				}
			}
		} finally {
			await place.end()
		}
	})

	it('give the host no default route, also where others may', async () => {
		const { host, weft } = scene
		setSysctl('net/ipv6/conf/default/accept_ra', '2')
		await weft.verbs.createNetwork(networkRequest(5, { options: { antispoof: 'false' } }))
		const { place, mac } = await runContainer(weft, 5, 2)
		const advert = discovery(OPTION, ether({ from: mac, to: '33:33:00:00:00:01' }), ALL, 134, ROUTER)
		const routes = () => host.run('ip', '-6', 'route', 'show', 'default', 'dev', bridgeName(idOf('network 5')))
		try {
			await place.send('eth0', [advert])
			const before = await routes()
			setSysctl(`net/ipv6/conf/${bridgeName(idOf('network 5'))}/accept_ra`, '2')
			await eventually(async () => {
				await place.send('eth0', [advert])
				return (await routes()).includes(ALL.from)
			})
			assert.equal(before, '')
		} finally {
			setSysctl('net/ipv6/conf/default/accept_ra', '1')
			await place.end()
		}
	})

	it('carry no mark of weft any more when they leave', async () => {
		const { host, outside, red } = scene
		for (const { family, protocol } of EACH) {
			await red.place.dial(protocol, OUTSIDE[family], SERVICE)
			await outside.dial(protocol, HOST[family], PUBLISHED)
		}
		assert.ok((await count(host, 'before')) > 0)
		assert.equal(await count(host, 'after'), 0)
	})

	it('keep their address on a detour by the host inside a network', async () => {
		const { red, red2 } = scene
		for (const family of FAMILIES) {
			await red.place.ip(`route add ${red2.address[family]} via ${gatewayOf(1)[family]} dev eth0`)
		}
		for (const { family, protocol } of EACH) {
			assert.equal(await red.place.dial(protocol, red2.address[family], SERVICE), red.address[family])
		}
	})
})
