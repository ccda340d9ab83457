/**
 * A program: hosts of a cluster, as far as the others see them, without a kernel or a Docker of their own. All have one network, and
 * addresses on it for containers, by the code of weftd. Says "ready" when all are there, and ends with its standard input.
 *   simulated-hosts.js ETCD HOSTS CONTAINERS
 */
import { Etcd } from '../src/cluster/etcd.ts'
import { Member } from '../src/cluster/member.ts'
import { Ipam } from '../src/ipam/ipam.ts'
import { SharedNetworks } from '../src/ipam/shared-networks.ts'
import { LOCAL_SPACE } from '../src/model/pool.ts'
import { formatShared, parseOverlay } from '../src/network/overlay-options.ts'
import { MemoryStore } from '../test/support/memory-store.ts'
import { surroundings } from '../test/support/surroundings.ts'
import { GATEWAY, OPTIONS, POOL } from './many-hosts-network.ts'

/** Seconds. */
const RETIREMENT = 3600
/** Milliseconds. */
const HEARTBEAT = 10_000

const [url = '', hosts = '', containers = ''] = process.argv.slice(2)
const cluster = new Etcd({ endpoints: [url] })
const members: Member[] = []
for (let n = 1; n <= Number(hosts); n++) members.push(await join(n))
setInterval(() => {
	for (const member of members) member.heartbeat().catch(console.error)
}, HEARTBEAT)
process.stdin.resume().on('end', () => process.exit(0))
console.log('ready')

async function join(n: number): Promise<Member> {
	const store = new MemoryStore()
	const boot = { id: String(n), uptime: () => performance.now() / 1000 }
	const member = new Member(cluster, store, boot, { name: `sim${n}`, address: `198.18.0.${n}` }, RETIREMENT)
	const nothing = () => undefined
	const networks = new SharedNetworks(cluster, member, store, { due: nothing, lost: nothing, changed: nothing })
	const ipam = new Ipam(store, [], surroundings(), networks)
	ipam.load()
	await member.heartbeat()
	const { id: poolId } = await ipam.requestPool({ space: LOCAL_SPACE, family: 4, pool: POOL })
	await ipam.requestAddress({ poolId, address: GATEWAY.split('/')[0] ?? '', kind: 'gateway' })
	const { id = '', blocks, ...options } = parseOverlay(OPTIONS)
	const subnets = [{ pool: POOL, gateway: GATEWAY, reserved: {} }]
	await networks.enter({ id, subnets, options: formatShared({ blocks, ...options }), internal: false, blocks })
	for (let i = 0; i < Number(containers); i++) {
		await ipam.requestAddress({ poolId, kind: 'endpoint' })
		await networks.tend()
	}
	return member
}
