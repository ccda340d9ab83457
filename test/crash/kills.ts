/**
 * weftd itself on the kernel, killed with SIGKILL at random moments of what users do: in the end the kernel is as it was
 * before. WEFT_TEST_SEED repeats the commands, but not the moments.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { plain } from '../contract/cnm-order-network.ts'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { type Etcd, loopbackOf, startEtcd } from '../support/etcd.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'
import { type Container, Docker } from './docker.ts'
import { type RealSandboxes, RealWeft, realSandboxes } from './real-weft.ts'
import { HOST_ADDRESSES, isOverlay, type Row } from './rows.ts'
import { actions, User } from './user.ts'
import { MANNERS, MortalWire } from './wire.ts'

const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)
const USERS = 3

export interface Storm {
	/** Which networks there are. */
	readonly rows: readonly Row[]
	readonly kills: number
	/** Milliseconds; a command takes some 20 of this machine's. */
	readonly longestLife: number
	/** Links beside eth0 that networks are on, to be made. */
	readonly uplinks: readonly string[]
}

export function killAgainAndAgain(storm: Storm): void {
	describe('weftd and the kernel', { skip: noHost() }, () => tests(storm))
}

function tests({ rows, kills, longestLife, uplinks }: Storm): void {
	let host: Host
	let weft: RealWeft
	let sandboxes: RealSandboxes
	/** Where there are networks of a cluster. */
	let etcd: Etcd | undefined
	let clean: Footprint
	const endings: (() => Promise<void>)[] = []

	before(async () => {
		host = await startHost({ dockerd: false, weftd: false })
		// It has restored its networks, of which there are none, while links are made.
		weft = await RealWeft.start(host, rows.some(isOverlay) ? await openCluster() : {})
		const made = uplinks.flatMap((link) => [`link add ${link} type dummy`, `link set ${link} up`])
		const addresses = ['eth0', ...uplinks].flatMap((link) =>
			HOST_ADDRESSES.map((each) => `addr add ${each} dev ${link} ${each.includes(':') ? 'nodad noprefixroute' : ''}`),
		)
		await host.exec(['ip', '-batch', '-'], { input: [...made, ...addresses, ''].join('\n') })
		sandboxes = await realSandboxes(host)
		const wire = new MortalWire(weft, () => 'whole')
		const isReady = async () => (await wire.raw('NetworkDriver.GwAllocCheck', '{"Options":{}}')).status === 200
		await eventually(isReady, { what: 'weftd, on a slow machine', within: 120_000 })
		const docker = new Docker(wire, sandboxes)
		for (const row of rows) await docker.run(await docker.create(row), '28', [])
		await docker.removeAll()
		await weft.kill()
		clean = await footprint(host)
	})
	after(async () => {
		weft?.close()
		await sandboxes?.end()
		for (const end of endings) await end()
		await host?.stop()
	})

	/** On the host itself; the environment that has weftd in it. */
	async function openCluster(): Promise<Record<string, string>> {
		;[etcd] = await startEtcd({ after: (end) => endings.push(end) }, 1, { at: loopbackOf(host) })
		assert.ok(etcd)
		return { WEFT_CLUSTER: etcd.url, WEFT_NODE: 'a', WEFT_NODE_ADDRESS: HOST_V4 }
	}

	/** All but this host. */
	async function keysLeft(): Promise<readonly string[]> {
		const keys = (await etcd?.ctl('get', '--prefix', 'weft/', '--keys-only'))?.split('\n') ?? []
		return keys.filter((key) => !/^$|^weft\/(node\/a|present\/a|pool\/)$/.test(key))
	}

	it('have lost and left nothing when it was killed again and again', async (t) => {
		t.diagnostic(`WEFT_TEST_SEED=${SEED}`)
		const [manners] = sample(fc.array(fc.constantFrom(...MANNERS), { minLength: 50, maxLength: 50 }), 1)
		let deaths = 0
		const wire = new MortalWire(weft, () => manners?.[deaths++ % 50] ?? 'whole')
		const docker = new Docker(wire, sandboxes)
		const [row] = rows
		assert.ok(row)
		const shared = await docker.create(row)
		let over = false
		const users = sample(fc.infiniteStream(actions), USERS).map(async (commands, i) => {
			const first = Math.floor((i * rows.length) / USERS)
			const user = new User(i, docker, [...rows.slice(first), ...rows.slice(0, first)], shared)
			for (const action of commands) {
				if (over) return
				await user.do(action)
			}
		})
		const [pauses] = sample(fc.infiniteStream(fc.integer({ min: 0, max: longestLife })), 1)
		assert.ok(pauses)
		for (let i = 0; i < kills; i++) {
			await sleep(pauses.next().value)
			await weft.kill()
		}
		over = true
		await Promise.all(users)
		assert.deepEqual(wire.violations, [])
		await assertServed(docker)
		t.diagnostic(`${deaths} calls cut off, ${docker.containers.size} containers, ${docker.networks.size} networks`)

		await docker.removeAll()
		for (const id of wire.doubtful) await wire.callLogged('NetworkDriver.DeleteNetwork', { NetworkID: id })
		await assertFootprint(host, clean)
		// What a weftd that was killed has left there the next one gives back within a few seconds.
		let left: readonly string[] = []
		const isTidy = async () => {
			left = await keysLeft()
			return left.length === 0
		}
		await eventually(isTidy, { what: () => left.join(), within: 30_000 })
	})

	function sample<T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] {
		return fc.sample(arbitrary, { seed: SEED, numRuns })
	}

	/** Each container has its link, and its place in the firewall or beside the host. */
	async function assertServed(docker: Docker): Promise<void> {
		const links: { ifname: string; master?: string }[] = JSON.parse(await host.exec(['ip', '-j', 'link']))
		const inside = await sandboxes.links()
		const looks = ['nft list table inet weft', 'ip route', 'ip -6 route'].join('; ')
		const found = await host.exec(['sh', '-c', looks])
		for (const container of docker.containers.values()) {
			const { id, network, link } = container.endpoint
			if (link === '') continue
			const { options } = docker.rowOf(network).flags
			assert.ok(inside.includes(link), `${link} of ${id}`)
			for (const each of traces(container, options)) assert.ok(found.includes(each), `${each} in ${found}`)
			if (isLan(options)) continue
			assert.match(links.find(({ ifname }) => `${ifname}p` === link)?.master ?? '', /^weft/, `the link of ${id}`)
		}
	}
}

function isLan(options: Row['flags']['options'] = {}): boolean {
	return options.mode === 'macvlan' || options.mode === 'ipvlan'
}

/** Of a running container in the firewall and the routes of the host. */
function traces({ endpoint, ports }: Container, options: Row['flags']['options'] = {}): string[] {
	const [four, six] = [plain(endpoint.ipv4), plain(endpoint.ipv6)]
	if (!isLan(options)) return [four, ...ports.map(({ Port }) => `${four} . tcp . ${Port}`)]
	return options.host_access === 'true' ? [`${four} dev weft`, `${six} dev weft`] : []
}
