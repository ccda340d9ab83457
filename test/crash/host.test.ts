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
import { Docker } from './docker.ts'
import { type RealSandboxes, RealWeft, realSandboxes } from './real-weft.ts'
import { HOST_ROWS } from './rows.ts'
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
		weft = new RealWeft(host)
		sandboxes = await realSandboxes(host)
		const docker = new Docker(new MortalWire(weft, () => 'whole'), sandboxes)
		for (const { flags } of HOST_ROWS) await docker.run(await docker.create(flags), '28', [])
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
		const shared = { network: await docker.create(row.flags), row }
		let over = false
		const users = sample(fc.infiniteStream(actions), USERS).map(async (commands, i) => {
			const user = new User(i, docker, HOST_ROWS[i % HOST_ROWS.length] ?? row, shared)
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

	/** Each container has its link and its place in the firewall. */
	async function assertServed(docker: Docker): Promise<void> {
		const links: { ifname: string; master?: string }[] = JSON.parse(await host.exec(['ip', '-j', 'link']))
		const rules = await host.exec(['nft', 'list', 'table', 'inet', 'weft'])
		const attached = [...docker.containers.values()].filter(({ endpoint }) => endpoint.link !== '')
		for (const { endpoint, ports } of attached) {
			const link = links.find(({ ifname }) => `${ifname}p` === endpoint.link)
			assert.match(link?.master ?? '', /^weft/, `the link of ${endpoint.id}`)
			const wanted = [plain(endpoint.ipv4), ...ports.map(({ Port }) => `${plain(endpoint.ipv4)} . tcp . ${Port}`)]
			for (const each of wanted) assert.ok(rules.includes(each), `${each} in ${rules}`)
		}
	}
})
