/**
 * weftd itself on the kernel, killed with SIGKILL at random moments of what users do, WEFT_TEST_HOST_KILLS times: in the end
 * the kernel is as it was before. WEFT_TEST_SEED repeats the commands, but not the moments.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { plain } from '../contract/cnm-order-network.ts'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { type Container, Docker } from './docker.ts'
import { type RealSandboxes, RealWeft, realSandboxes } from './real-weft.ts'
import { HOST_ADDRESSES, HOST_ROWS, type Row } from './rows.ts'
import { actions, User } from './user.ts'
import { MANNERS, MortalWire } from './wire.ts'

const KILLS = Number(process.env.WEFT_TEST_HOST_KILLS ?? 15)
const SEED = Number(process.env.WEFT_TEST_SEED ?? Date.now() % 2 ** 31)
const USERS = 3
/** Milliseconds; a command takes some 20. */
const LONGEST_LIFE = 400

describe('weftd and the kernel', { skip: noHost() }, () => {
	let host: Host
	let weft: RealWeft
	let sandboxes: RealSandboxes
	let clean: Footprint

	before(async () => {
		host = await startHost({ dockerd: false })
		const addresses = HOST_ADDRESSES.map(
			(each) => `addr add ${each} dev eth0 ${each.includes(':') ? 'nodad noprefixroute' : ''}\n`,
		)
		await host.exec(['ip', '-batch', '-'], { input: addresses.join('') })
		weft = new RealWeft(host)
		sandboxes = await realSandboxes(host)
		const docker = new Docker(new MortalWire(weft, () => 'whole'), sandboxes)
		for (const row of HOST_ROWS) await docker.run(await docker.create(row), '28', [])
		await docker.removeAll()
		await weft.kill()
		clean = await footprint(host)
	})
	after(async () => {
		weft?.close()
		await sandboxes?.end()
		await host?.stop()
	})

	it('have lost and left nothing when it was killed again and again', async (t) => {
		t.diagnostic(`WEFT_TEST_SEED=${SEED}`)
		const [manners] = sample(fc.array(fc.constantFrom(...MANNERS), { minLength: 50, maxLength: 50 }), 1)
		let deaths = 0
		const wire = new MortalWire(weft, () => manners?.[deaths++ % 50] ?? 'whole')
		const docker = new Docker(wire, sandboxes)
		const [row] = HOST_ROWS
		assert.ok(row)
		const shared = await docker.create(row)
		let over = false
		const users = sample(fc.infiniteStream(actions), USERS).map(async (commands, i) => {
			const first = Math.floor((i * HOST_ROWS.length) / USERS)
			const user = new User(i, docker, [...HOST_ROWS.slice(first), ...HOST_ROWS.slice(0, first)], shared)
			for (const action of commands) {
				if (over) return
				await user.do(action)
			}
		})
		const [pauses] = sample(fc.infiniteStream(fc.integer({ min: 0, max: LONGEST_LIFE })), 1)
		assert.ok(pauses)
		for (let kills = 0; kills < KILLS; kills++) {
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
			if (options?.mode === 'macvlan') continue
			assert.match(links.find(({ ifname }) => `${ifname}p` === link)?.master ?? '', /^weft/, `the link of ${id}`)
		}
	}
})

/** Of a running container in the firewall and the routes of the host. */
function traces({ endpoint, ports }: Container, options: Row['flags']['options'] = {}): string[] {
	const [four, six] = [plain(endpoint.ipv4), plain(endpoint.ipv6)]
	if (options.mode !== 'macvlan') return [four, ...ports.map(({ Port }) => `${four} . tcp . ${Port}`)]
	return options.host_access === 'true' ? [`${four} dev weft`, `${six} dev weft`] : []
}
