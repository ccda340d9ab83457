/**
 * A kernel that has no memory, no room or is busy, at each change that a verb makes, or lets nobody at nftables: the error says
 * what it was about, nothing is left in the kernel, and the next try succeeds.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { messageOf } from '../../src/errors.ts'
import { kernelError } from '../../src/kernel/ffi.ts'
import type { NetworkRequest } from '../../src/network/verbs.ts'
import { FakeClusterVerbs } from '../support/fake-cluster-verbs.ts'
import { type Bed, HOST, makeBed, noBed, OUTSIDE } from './networks-bed.ts'
import { idOf, networkRequest, startWeft, type Weft } from './networks-weft.ts'

const ERRORS = {
	ENOMEM: [12, 'Cannot allocate memory'],
	EBUSY: [16, 'Device or resource busy'],
	ENOSPC: [28, 'No space left on device'],
} as const
const LAN: Partial<NetworkRequest> = {
	options: { mode: 'macvlan', parent: 'eth0', host_access: 'true' },
	ipv4: [{ pool: '203.0.113.0/24', gateway: '203.0.113.1/24', reserved: {} }],
	ipv6: [],
}
const OVERLAY: Partial<NetworkRequest> = { options: { mode: 'overlay', id: 'net' }, ipv6: [] }
const ROWS = {
	bridge: [{}, { ipv4: '10.231.1.2/24', ipv6: 'fd00:231:1::2/64' }],
	macvlan: [LAN, { ipv4: '203.0.113.7/24' }],
	overlay: [OVERLAY, { ipv4: '10.231.1.2/24' }],
} as const

describe('a kernel that refuses', { skip: noBed() }, () => {
	let bed: Bed
	let weft: Weft
	/** The changes of the verb that is tried, the one that is refused, and the error. */
	const refusal: { count: number; nth: number; errno: number } = { count: 0, nth: 0, errno: 0 }
	before(async () => {
		bed = await makeBed()
		const cluster = new FakeClusterVerbs({ name: 'a', address: HOST[4] })
		cluster.become('net', [{ name: 'b', address: OUTSIDE[4], blocks: ['10.231.1.64/26'], addresses: ['10.231.1.9'] }])
		weft = await startWeft(() => {
			if (++refusal.count === refusal.nth) throw kernelError(refusal.errno)
		}, cluster)
		// Some settings stay as the first network leaves them.
		for (const [more] of Object.values(ROWS)) {
			await weft.verbs.createNetwork(networkRequest(1, more))
			await weft.verbs.deleteNetwork(idOf('network 1'))
		}
	})
	after(async () => {
		await weft?.end()
		await bed?.end()
	})

	/** Without what comes and goes in its own time: spare pairs, link-local addresses, whether a link has a carrier. */
	async function look(): Promise<string[]> {
		const address = 'ip -br addr | awk \'{$2 = ""; print}\''
		const commands = ["ip -br link | awk '{print $1}'", address, 'ip route', 'ip -6 route', 'nft -s list ruleset']
		const looks = await Promise.all(commands.map((command) => bed.host.run('sh', '-c', command)))
		const lines = looks.flatMap((text) => text.split('\n')).filter((line) => !/wvs|^fe80::/.test(line))
		return lines.map((line) =>
			line
				.replace(/linkdown|@\S+|fe80::\S+/g, '')
				.replace(/\s+/g, ' ')
				.trim(),
		)
	}

	/** The verb with the first, second and so on change refused, until it makes no more; how many it makes. */
	async function eachRefusal(errno: number, text: string, verb: () => Promise<unknown>): Promise<number> {
		for (let nth = 1; ; nth++) {
			const before = await look()
			Object.assign(refusal, { count: 0, nth, errno })
			const [outcome] = await Promise.allSettled([verb()])
			const wasRefused = refusal.count >= nth
			refusal.nth = 0
			if (!wasRefused) {
				assert.ok(outcome?.status === 'fulfilled', messageOf(Object(outcome).reason))
				return nth - 1
			}
			assert.equal(outcome?.status, 'rejected', `change ${nth} was refused, and nobody told`)
			const message = messageOf((outcome as PromiseRejectedResult).reason)
			assert.match(message, new RegExp(`^\\S.*: ${text}$`), 'it says what could not be done')
			assert.deepEqual(await look(), before, `left of change ${nth}: ${message}`)
		}
	}

	for (const [mode, [more, addresses]] of Object.entries(ROWS)) {
		for (const [name, [errno, text]] of Object.entries(ERRORS)) {
			it(`with ${name} leaves nothing of a network or a join, and says so, ${mode}`, async (t) => {
				const [networkId, id] = [idOf('network 1'), idOf('endpoint 1 2')]
				t.after(() => weft.verbs.deleteNetwork(networkId))
				const changes = await eachRefusal(errno, text, () => weft.verbs.createNetwork(networkRequest(1, more)))
				await weft.verbs.createEndpoint({ networkId, id, ...addresses })
				// Takes away what was made ahead of the join.
				await weft.verbs.leave(networkId, id)
				const joins = await eachRefusal(errno, text, () => weft.verbs.join(networkId, id))
				assert.ok(changes >= 2 && joins >= 1, `${changes} and ${joins} changes`)
				t.diagnostic(`${changes} and ${joins} changes`)
			})
		}
	}

	it('with EPERM, as another process owns the table of that name, leaves nothing of a network, and says so', async (t) => {
		await bed.host.run('nft', 'delete', 'table', 'inet', 'weft')
		const owner = spawn('nft', ['-i'], { stdio: ['pipe', 'pipe', 'inherit'] })
		const ended = once(owner, 'close')
		t.after(() => owner.kill())
		owner.stdin.write('add table inet weft { flags owner; }\nlist tables\n')
		for await (const text of owner.stdout.iterator({ destroyOnReturn: false })) {
			if (/table inet weft\n/.test(String(text))) break
		}
		const before = await look()
		const refused = /firewall: nftables: .*Operation not permitted/
		await assert.rejects(weft.verbs.createNetwork(networkRequest(1)), (error) => refused.test(messageOf(error)))
		assert.deepEqual(await look(), before)
		assert.notDeepEqual(await weft.differences(), [], 'it tells of what is left half made')
		// Its table goes with it.
		owner.stdin.end()
		await ended
		await weft.verbs.createNetwork(networkRequest(1))
		assert.deepEqual(await weft.differences(), [])
		await weft.verbs.deleteNetwork(idOf('network 1'))
	})
})
