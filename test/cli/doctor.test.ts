/** What the doctor makes of the answers of weftd. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetworkSummary, PoolView, Status } from '../../src/admin/api.ts'
import { type Check, checksOf, type Findings, textOf } from '../../src/cli/doctor.ts'
import { VERSION } from '../../src/version.ts'

const STATUS: Status = {
	version: VERSION,
	pid: 1,
	started: '2026-01-01T00:00:00.000Z',
	uptime: 5,
	state: 'serving',
	host: {
		engine: '28.5.2',
		kernel: '6.1.0',
		node: '20.19.0',
		nftables: 'libnftables',
		iptables: [],
		filtersBridges: true,
	},
	settings: { socket: '/s', stateDir: '/d', scope: 'local', node: 'alpha', cluster: [] },
	counts: { networks: 1, endpoints: 0, ports: 0, pools: 1, leases: 1 },
	cluster: null,
	repairs: { done: 0, failed: 0, last: null },
}
const POOL: PoolView = {
	pool: '10.0.0.0/24',
	range: null,
	blocks: null,
	size: 254,
	used: 1,
	free: 253,
	networkId: 'n1',
	network: 'front',
}
const NETWORK: NetworkSummary = {
	id: 'f'.repeat(64),
	name: 'front',
	listed: true,
	mode: 'bridge',
	subnets: ['10.0.0.0/24'],
	gateways: ['10.0.0.1'],
	internal: false,
	bridge: 'weft0',
	parent: null,
	settled: true,
	endpoints: 0,
	ports: 0,
}
const CLUSTER = { reached: true, problem: null, member: true, address: '192.0.2.1', hosts: 2, present: 2 }
const WELL: Findings = { status: STATUS, networks: [NETWORK], pools: [POOL], differences: [] }

function worst(findings: Findings): Check[] {
	return checksOf(findings).filter(({ level }) => level !== 'ok')
}

describe('the doctor', () => {
	it('has nothing to say where all is well', () => {
		assert.deepEqual(worst(WELL), [])
		assert.match(textOf(checksOf(WELL)), /^(ok {7}.+\n)+$/)
		const clustered = { ...WELL, status: { ...STATUS, cluster: CLUSTER } }
		assert.deepEqual(worst(clustered), [])
		assert.match(textOf(checksOf(clustered)), /^ok +the cluster has 2 hosts, and all show themselves$/m)
	})

	it('names a network that Docker does not have, unless Docker does not tell what it has', () => {
		const other = { ...NETWORK, id: 'e'.repeat(64), name: null }
		const [check, ...others] = worst({ ...WELL, networks: [NETWORK, { ...other, listed: false }] })
		assert.deepEqual([check?.level, check?.found, others], ['note', 'Docker does not tell of network eeeeeeeeeeee', []])
		assert.deepEqual(worst({ ...WELL, networks: [{ ...other, listed: null }] }), [])
	})

	const last = { at: '2026-01-01T00:00:00.000Z', cause: 'nft deleted table', done: ['made it anew'] }
	for (const [what, level, status, found] of [
		['another version', 'note', { version: '0.0.1' }, /weftd 0\.0\.1/],
		['a restore under way', 'note', { state: 'restoring' }, /still being restored/],
		['a restore that failed', 'problem', { state: 'failed' }, /could not be restored/],
		[
			'a kernel without nftables for bridges',
			'note',
			{ host: { ...STATUS.host, filtersBridges: false } },
			/no nftables/,
		],
		[
			'a host without libnftables',
			'note',
			{ host: { ...STATUS.host, nftables: 'nft program' } },
			/libnftables is missing/,
		],
		['repairs', 'note', { repairs: { done: 2, failed: 0, last } }, /2 repairs .* because nft deleted table/],
		[
			'a cluster that does not answer',
			'note',
			{ cluster: { ...CLUSTER, reached: false, problem: 'x' } },
			/reached: x$/,
		],
		['a host that is no member', 'problem', { cluster: { ...CLUSTER, member: false, problem: 'y' } }, /cluster: y$/],
		['an unreachable host', 'note', { cluster: { ...CLUSTER, present: 1 } }, /^1 host of the cluster unreachable$/],
		['repairs that failed', 'note', { repairs: { done: 2, failed: 1, last } }, /1 repair failed/],
	] as const) {
		it(`tells of ${what}, and what to do`, () => {
			const [check, ...others] = worst({ ...WELL, status: { ...STATUS, ...status } })
			assert.deepEqual(others, [])
			assert.equal(check?.level, level)
			assert.match(check?.found ?? '', found)
			assert.ok(check?.advice)
		})
	}

	it('tells of pools that are nearly full, and of ranges that are full', () => {
		const pools = [
			POOL,
			{ ...POOL, free: 25 },
			{ ...POOL, range: '10.0.0.128/28', free: 1 },
			{ ...POOL, blocks: ['10.0.0.0/26'], size: 63, free: 0 },
			{ ...POOL, range: '10.0.0.128/28', free: 0, networkId: null, network: null },
		]
		assert.deepEqual(
			worst({ ...WELL, pools }).map(({ level, found }) => [level, found]),
			[
				['note', 'pool 10.0.0.0/24 of network front has 25 free addresses left'],
				['note', 'range 10.0.0.128/28 in pool 10.0.0.0/24 has 0 free addresses left'],
			],
		)
	})

	it('calls differences a problem', () => {
		const difference = { networkId: null, network: null, endpointId: null, container: null, what: 'x' }
		const [check] = worst({ ...WELL, differences: [difference] })
		assert.equal(check?.level, 'problem')
		assert.match(textOf([check as Check]), /^PROBLEM {2}1 difference .+\n {9}-> .+\n$/)
	})
})
