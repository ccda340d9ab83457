/**
 * Packets that claim to come from the loopback of the host, or to go there, though they come by another link. They
 * are disguised when they leave their sender for good, so that they do reach the host; none may reach what serves there.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { noBed, type Place } from './networks-bed.ts'
import {
	FAMILIES,
	HOST,
	PROTOCOLS,
	PUBLIC,
	PUBLISHED,
	type Scene,
	SERVICE,
	serve,
	setScene,
	showBridgedFrames,
} from './networks-scene.ts'
import { type Container, gatewayOf, networkRequest, port, runContainer } from './networks-weft.ts'

type End = 'saddr' | 'daddr'

/**
 * A network whose container antispoof does not hold: what it disguises gets further than the first rules. Its own port
 * leads back to it, and is translated on the bridge where frames are shown.
 */
const FREE = 4
const PUBLISHED_FREE = 8083

/** An address of the loopback that no link has by name: the kernel drops by itself what claims to come from one. */
const DISGUISE = { 4: '127.0.0.2', 6: '::1' } as const

/** What arrives disguised, seen on the link itself, and what is let through to the host or to a container. */
function witness(device: string): string {
	const counters = (name: string) => `
		ip saddr ${DISGUISE[4]} counter name ${name}
		ip daddr ${DISGUISE[4]} counter name ${name}
		ip6 saddr ${DISGUISE[6]} counter name ${name}
		ip6 daddr ${DISGUISE[6]} counter name ${name}`
	const seen = (name: string) => `counter ${name} { }\n`
	return `table netdev witness {
	${seen('arrived')}chain arrivals {
		type filter hook ingress device "${device}" priority -500${counters('arrived')}
	}
}
table inet witness {
	${seen('passed')}chain input {
		type filter hook input priority -500
		iifname "lo" accept${counters('passed')}
	}
	chain forward {
		type filter hook forward priority -500${counters('passed')}
		# Whose address was translated by then.
		ct original ip daddr ${DISGUISE[4]} counter name passed
		ct original ip6 daddr ${DISGUISE[6]} counter name passed
	}
}
`
}

function disguise(device: string, end: End): string {
	return `table netdev disguise {
	chain leaving {
		type filter hook egress device "${device}" priority 0
		meta l4proto { tcp, udp } ip ${end} set ${DISGUISE[4]}
		meta l4proto { tcp, udp } ip6 ${end} set ${DISGUISE[6]}
	}
}
`
}

describe('packets in the guise of the loopback', { skip: noBed() }, () => {
	let scene: Scene
	let free: Container | undefined
	before(async () => {
		scene = await setScene()
		await scene.weft.verbs.createNetwork(networkRequest(FREE, { options: { antispoof: 'false' } }))
		free = await runContainer(scene.weft, FREE, 2)
		await serve(free.place)
		await scene.weft.verbs.publish(free.networkId, free.endpointId, port(PUBLISHED_FREE, SERVICE))
	})
	after(async () => {
		await free?.place.end()
		await scene?.end()
	})

	async function count(table: string, counter: string): Promise<number> {
		const text = await scene.host.run('nft', 'list', 'counter', ...table.split(' '), counter)
		return Number(/packets (\d+)/.exec(text)?.[1])
	}

	const callsTo = (published: number) =>
		FAMILIES.flatMap((family) =>
			[PUBLIC, published].flatMap((port) => PROTOCOLS.map((protocol) => ({ family, port, protocol }))),
		)

	/** The host's end of a container's link. */
	async function otherEnd(place: Place): Promise<string> {
		const [, index] = /@if(\d+)/.exec(await place.run('ip', '-o', 'link', 'show', 'eth0')) ?? []
		const links: { ifindex: number; ifname: string }[] = JSON.parse(await scene.host.run('ip', '-j', 'link'))
		return links.find(({ ifindex }) => ifindex === Number(index))?.ifname ?? ''
	}

	/** Each call is answered as it is, and comes in and no further in disguise. The link has a name on each side. */
	async function tried(
		place: Place,
		[theirs, ours]: readonly [string, string],
		to: { readonly 4: string; readonly 6: string },
		end: End,
		published = PUBLISHED,
	): Promise<void> {
		const calls = callsTo(published)
		for (const { family, port, protocol } of calls) assert.ok(await place.dial(protocol, to[family], port))
		await scene.host.pipe(witness(ours), 'nft', '-f', '-')
		await place.pipe(disguise(theirs, end), 'nft', '-f', '-')
		try {
			const shut = await Promise.all(
				calls.map(({ family, port, protocol }) => place.isShutOut(protocol, to[family], port)),
			)
			assert.ok(shut.every(Boolean))
			assert.ok((await count('netdev witness', 'arrived')) >= calls.length, 'the packets were not sent')
			assert.equal(await count('inet witness', 'passed'), 0)
		} finally {
			await place.run('nft', 'delete', 'table', 'netdev', 'disguise')
			await scene.host.run('nft', 'delete', 'table', 'netdev', 'witness')
			await scene.host.run('nft', 'delete', 'table', 'inet', 'witness')
		}
	}

	for (const shown of ['0', '1'] as const) {
		for (const end of ['saddr', 'daddr'] as const) {
			it(`as ${end} are dropped from a neighbour of the host, bridge-nf-call-iptables=${shown}`, async () => {
				showBridgedFrames(shown)
				await tried(scene.outside, ['up0', 'eth0'], HOST, end)
			})

			it(`as ${end} are dropped from a container, bridge-nf-call-iptables=${shown}`, async () => {
				showBridgedFrames(shown)
				const { place } = scene.red
				await tried(place, ['eth0', await otherEnd(place)], gatewayOf(1), end)
			})

			it(`as ${end} are dropped from a container without antispoof, bridge-nf-call-iptables=${shown}`, async () => {
				showBridgedFrames(shown)
				assert.ok(free !== undefined)
				await tried(free.place, ['eth0', await otherEnd(free.place)], gatewayOf(FREE), end, PUBLISHED_FREE)
			})
		}
	}
})
