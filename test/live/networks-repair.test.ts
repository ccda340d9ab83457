/**
 * What other programs do to the host's rules is noticed and made good. Each case is tried twice: first while nobody
 * watches, to see that packets do stop, then with weft watching.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { noBed } from './networks-bed.ts'
import { EACH, FAMILIES, HOST, OUTSIDE, PUBLISHED, type Scene, SERVICE, setScene } from './networks-scene.ts'
import { networkRequest, port, runContainer, type Watching } from './networks-weft.ts'

/** Milliseconds in which a repair is promised. */
const PROMISE = 5_000

/** Docker's chains, of which only the user's one and the way to it matter here. */
const DOCKER_20 = [
	':DOCKER - [0:0]',
	':DOCKER-USER - [0:0]',
	'-A DOCKER-USER -j RETURN',
	'-A FORWARD -j DOCKER-USER',
	'-A FORWARD -o docker0 -j DOCKER',
]
const DOCKER_28 = [
	':DOCKER-BRIDGE - [0:0]',
	':DOCKER-CT - [0:0]',
	':DOCKER-FORWARD - [0:0]',
	':DOCKER-USER - [0:0]',
	'-A FORWARD -j DOCKER-USER',
	'-A FORWARD -j DOCKER-FORWARD',
	'-A DOCKER-FORWARD -j DOCKER-CT',
	'-A DOCKER-FORWARD -j DOCKER-BRIDGE',
	'-A DOCKER-FORWARD -i docker0 -j ACCEPT',
]
const OPEN = ':FORWARD ACCEPT [0:0]'
const SHUT = ':FORWARD DROP [0:0]'

/** What Docker 29 has of its own with its nftables back end, beside what one with iptables has left. */
const DOCKER_29 = ['ip', 'ip6'].map(
	(family) => `table ${family} docker-bridges {
	map filter-forward-out-jumps {
		type ifname : verdict
	}
	chain filter-FORWARD {
		type filter hook forward priority filter; policy accept;
		oifname vmap @filter-forward-out-jumps
	}
}
`,
)

interface Case {
	/** What iptables' filter holds before. */
	readonly rules: readonly string[]
	/** What somebody does: in commands of nft, or of iptables for each family. */
	readonly nft?: string
	readonly iptables?: string
	readonly repaired: RegExp
}

const RENEWED = /^nft (deleted|changed) (inet|bridge) weft: made weft's tables anew$/m
const PUT_INTO_FORWARD = /put the rule into ip6?tables-\w+ FORWARD$/m
const PUT_INTO_DOCKER_USER = /put the rule into ip6?tables-\w+ DOCKER-USER$/m
const FLUSH_MAPS = 'flush map inet weft publish4_any; flush map inet weft publish6_any'

const CASES: Readonly<Record<string, Case>> = {
	'nft flush ruleset': { rules: [OPEN], nft: 'flush ruleset', repaired: RENEWED },
	'nft delete table inet weft': { rules: [OPEN], nft: 'delete table inet weft', repaired: RENEWED },
	'nft flush map': { rules: [OPEN], nft: FLUSH_MAPS, repaired: RENEWED },
	'iptables -F FORWARD': { rules: [SHUT], iptables: '-F FORWARD', repaired: PUT_INTO_FORWARD },
	'iptables -P FORWARD DROP': { rules: [OPEN], iptables: '-P FORWARD DROP', repaired: PUT_INTO_FORWARD },
	'iptables -F DOCKER-USER': {
		rules: [SHUT, ...DOCKER_20],
		iptables: '-F DOCKER-USER',
		repaired: PUT_INTO_DOCKER_USER,
	},
	'iptables -F DOCKER-USER, of Docker 28': {
		rules: [SHUT, ...DOCKER_28],
		iptables: '-F DOCKER-USER',
		repaired: PUT_INTO_DOCKER_USER,
	},
	'iptables -F FORWARD, of Docker 28': {
		rules: [SHUT, ...DOCKER_28],
		iptables: '-F FORWARD',
		repaired: PUT_INTO_FORWARD,
	},
	'iptables -F, of Docker 28': { rules: [SHUT, ...DOCKER_28], iptables: '-F', repaired: PUT_INTO_FORWARD },
}

describe('after', { skip: noBed('iptables-nft', 'iptables-legacy') }, () => {
	let scene: Scene
	let watching: Watching | undefined
	before(async () => {
		scene = await setScene()
	})
	after(() => scene?.end())
	afterEach(async () => {
		await watching?.end()
		for (const variant of ['nft', 'legacy']) await hold(variant, [OPEN])
	})

	/** iptables' whole filter. */
	async function hold(variant: string, rules: readonly string[]): Promise<void> {
		const text = `*filter\n${rules.join('\n')}\nCOMMIT\n`
		for (const family of ['iptables', 'ip6tables']) await scene.host.pipe(text, `${family}-${variant}-restore`)
	}

	async function somebodyDoes(variant: string, { nft, iptables }: Case): Promise<void> {
		if (nft !== undefined) await scene.host.pipe(`${nft}\n`, 'nft', '-f', '-')
		if (iptables === undefined) return
		for (const family of ['iptables', 'ip6tables']) await scene.host.run(`${family}-${variant}`, ...iptables.split(' '))
	}

	/** Where the rule is, in the order of the chains' listing. */
	async function places(program: string): Promise<string[]> {
		const lines = (await scene.host.run(program, '-S')).split('\n')
		return lines.filter((line) => line.includes('--comment weft')).map((line) => line.split(' ')[1] ?? '')
	}

	/** The families for which a published port, which needs both weft's table and the way through iptables, is shut. */
	async function shut(): Promise<number[]> {
		const each = FAMILIES.map((family) => scene.outside.isShutOut('tcp', HOST[family], PUBLISHED))
		const out = await Promise.all(each)
		return FAMILIES.filter((_, i) => out[i])
	}

	async function passWithin(limit: number): Promise<void> {
		const deadline = Date.now() + limit
		for (;;) {
			const still = await shut()
			if (still.length === 0) break
			assert.ok(Date.now() < deadline, `IPv${still.join(' and IPv')} shut for ${limit} ms`)
		}
		for (const { family, protocol } of EACH) {
			assert.equal(await scene.red.place.dial(protocol, OUTSIDE[family], SERVICE), HOST[family])
			assert.equal(await scene.outside.dial(protocol, HOST[family], PUBLISHED), OUTSIDE[family])
		}
	}

	for (const [name, each] of Object.entries(CASES)) {
		for (const variant of each.iptables === undefined ? ['nft'] : ['nft', 'legacy']) {
			it(`${name}${each.iptables === undefined ? '' : `, ${variant}`}`, async () => {
				const { weft } = scene
				await hold(variant, each.rules)
				await weft.openForward()
				await passWithin(0)
				await somebodyDoes(variant, each)
				assert.deepEqual(await shut(), [4, 6])

				await hold(variant, each.rules)
				await weft.renewTables()
				await weft.openForward()
				watching = await weft.watch()
				await somebodyDoes(variant, each)
				await passWithin(PROMISE)
				assert.match(watching.repairs.join('\n'), each.repaired)
			})
		}
	}

	it('nft delete table bridge weft: containers are held again', async () => {
		await hold('nft', [OPEN])
		watching = await scene.weft.watch()
		const list = ['nft', 'list', 'map', 'bridge', 'weft', 'guards']
		const before = await scene.host.run(...list)
		assert.match(before, /goto held/)
		await scene.host.run('nft', 'delete', 'table', 'bridge', 'weft')
		for (const deadline = Date.now() + PROMISE; watching.repairs.length === 0 && Date.now() < deadline; )
			await sleep(10)
		assert.equal(await scene.host.run(...list), before)
		assert.deepEqual(watching.repairs, ["nft deleted bridge weft: made weft's tables anew"])
	})

	it('Docker came, where there was none: the rule is in its chain and nowhere else', async () => {
		await hold('nft', [SHUT])
		await scene.weft.openForward()
		assert.deepEqual(await places('iptables-nft'), ['FORWARD'])
		watching = await scene.weft.watch()
		await hold('nft', [SHUT, ...DOCKER_28])
		await passWithin(PROMISE)
		assert.deepEqual(await places('iptables-nft'), ['DOCKER-USER'])
		assert.deepEqual(await places('ip6tables-nft'), ['DOCKER-USER'])
	})

	it('Docker 29 came with its nftables back end, beside what it had left in iptables', async () => {
		await hold('nft', [OPEN])
		watching = await scene.weft.watch()
		for (const table of DOCKER_29) await scene.host.pipe(table, 'nft', '-f', '-')
		await passWithin(0)
		assert.deepEqual([watching.repairs, await places('iptables-nft')], [[], []])
		await hold('nft', [SHUT])
		await passWithin(PROMISE)
		assert.deepEqual(await places('iptables-nft'), ['FORWARD'])
	})

	it("weft's own changes, nothing is repaired", async () => {
		watching = await scene.weft.watch()
		const { verbs } = scene.weft
		const request = networkRequest(9)
		await verbs.createNetwork(request)
		const container = await runContainer(scene.weft, 9, 2)
		await verbs.publish(container.networkId, container.endpointId, port(8099, SERVICE))
		await verbs.leave(container.networkId, container.endpointId)
		await verbs.deleteEndpoint(container.networkId, container.endpointId)
		await verbs.deleteNetwork(request.id)
		await container.place.end()
		await sleep(500)
		assert.deepEqual(watching.repairs, [])
	})
})
