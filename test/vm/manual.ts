/**
 * The commands of Docker's manual for its macvlan and ipvlan drivers, word for word: only the driver's name is replaced, and the
 * mode added. Runs in manual-vm.test.ts.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { assertFootprint, type Footprint, footprint } from '../e2e/footprint.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'

interface Step {
	/** `docker network create -d macvlan|ipvlan …`. */
	readonly create: string
	/** Options of a container on it, and what its routes are then, among others; absent: there is none. */
	readonly run?: string
	readonly routes?: readonly string[]
}

const MACVLAN: readonly Step[] = [
	{
		create: 'docker network create -d macvlan --subnet=172.16.86.0/24 --gateway=172.16.86.1 -o parent=eth0 pub_net',
		run: '',
		routes: ['default via 172.16.86.1 dev eth0', '172.16.86.0/24 dev eth0 scope link  src 172.16.86.2'],
	},
	{
		create:
			'docker network create -d macvlan --subnet=192.168.32.0/24 --ip-range=192.168.32.128/25 --gateway=192.168.32.254 --aux-address=my-router=192.168.32.129 -o parent=eth0 macnet32',
		run: '',
		routes: ['default via 192.168.32.254 dev eth0', 'src 192.168.32.128'],
	},
	{
		create:
			'docker network create -d macvlan --subnet=192.168.50.0/24 --gateway=192.168.50.1 -o parent=eth0.50 macvlan50',
		run: '',
		routes: ['default via 192.168.50.1 dev eth0'],
	},
	{
		create:
			'docker network create -d macvlan --subnet=192.168.216.0/24 --subnet=192.168.218.0/24 --gateway=192.168.216.1 --gateway=192.168.218.1 --subnet=2001:db8:abc8::/64 --gateway=2001:db8:abc8::10 -o parent=eth0.218 -o macvlan_mode=bridge macvlan216',
		run: '--ip=192.168.218.10',
		routes: ['default via 192.168.218.1 dev eth0'],
	},
]

const L2: readonly Step[] = [
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.210.0/24 --subnet=192.168.212.0/24 --gateway=192.168.210.254 --gateway=192.168.212.254 -o ipvlan_mode=l2 -o parent=eth0 ipvlan210',
		run: '--ip=192.168.212.10',
		routes: ['default via 192.168.212.254 dev eth0'],
	},
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.1.0/24 --gateway=192.168.1.1 -o ipvlan_mode=l2 -o parent=eth0 db_net',
	},
	{ create: 'docker network create -d ipvlan --subnet=192.168.2.0/24 -o parent=eth0 db_net_ipv' },
	{ create: 'docker network create -d ipvlan --subnet=192.168.10.0/24 isolated1' },
	{
		create: 'docker network create -d ipvlan --subnet=192.168.11.0/24 --internal isolated2',
		run: '',
		routes: ['192.168.11.0/24 dev eth0'],
	},
	{ create: 'docker network create -d ipvlan isolated3' },
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.20.0/24 --gateway=192.168.20.1 -o parent=eth0.20 ipvlan20',
	},
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.30.0/24 --gateway=192.168.30.1 -o parent=eth0.30 -o ipvlan_mode=l2 ipvlan30',
	},
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.114.0/24 --subnet=192.168.116.0/24 --gateway=192.168.114.254 --gateway=192.168.116.254 -o parent=eth0.114 -o ipvlan_mode=l2 ipvlan114',
		run: '--ip=192.168.114.10',
		routes: ['default via 192.168.114.254 dev eth0'],
	},
	{
		create:
			'docker network create -d ipvlan --ipv6 --subnet=2001:db8:abc2::/64 --gateway=2001:db8:abc2::22 -o parent=eth0.139 v6ipvlan139',
		run: '',
		routes: ['default via 2001:db8:abc2::22 dev eth0', '2001:db8:abc2::/64 dev eth0'],
	},
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.140.0/24 --subnet=192.168.142.0/24 --gateway=192.168.140.1 --gateway=192.168.142.1 --subnet=2001:db8:abc9::/64 --gateway=2001:db8:abc9::22 -o parent=eth0.140 -o ipvlan_mode=l2 ipvlan140',
	},
	{ create: 'docker network create -d ipvlan --subnet=192.168.40.0/24 --gateway=192.168.40.1 -o parent=foo ipvlan40' },
]

const L3: readonly Step[] = [
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.214.0/24 --subnet=10.1.214.0/24 -o ipvlan_mode=l3 ipnet210',
		run: '--ip=192.168.214.9',
		routes: ['192.168.214.0/24 dev eth0', '10.1.214.0/24 dev eth0'],
	},
	{
		create:
			'docker network create -d ipvlan --subnet=192.168.110.0/24 --subnet=192.168.112.0/24 --ipv6 --subnet=2001:db8:abc6::/64 -o parent=eth0 -o ipvlan_mode=l3 ipnet110',
		run: '--ip6=2001:db8:abc6::50 --ip=192.168.112.50',
		routes: ['default dev eth0', '192.168.112.0/24 dev eth0', '2001:db8:abc6::/64 dev eth0'],
	},
]

const words = (line: string): string[] => line.split(' ').filter((word) => word !== '')

describe("the commands of Docker's manual", { skip: noHost() }, () => {
	let host: Host
	let clean: Footprint

	before(async () => {
		host = await startHost()
		// Of the manual too: a VLAN with a name of its own, made by hand.
		await host.exec(['sh', '-ec', 'ip link add link eth0 name foo type vlan id 40; ip link set foo up'])
		clean = await footprint(host)
	})
	after(() => host?.stop())

	async function create(line: string): Promise<string> {
		const [, mode = '', rest = ''] = /^docker network create -d (macvlan|ipvlan) (.+)$/.exec(line) ?? []
		await host.docker('network', 'create', '-d', 'weft', '-o', `mode=${mode}`, ...words(rest))
		return words(rest).at(-1) ?? ''
	}

	for (const [title, steps] of [
		['macvlan: bridge mode, addresses put aside, a VLAN, both families', MACVLAN],
		['ipvlan in l2: several subnets, isolated, VLANs, both families', L2],
		['ipvlan in l3: several subnets with and without a parent, both families', L3],
	] as const) {
		it(title, async () => {
			const networks: string[] = []
			for (const { create: line, run, routes = [] } of steps) {
				const network = await create(line)
				networks.push(network)
				if (run === undefined) continue
				const look = ['sh', '-c', 'ip route; ip -6 route']
				const seen = await host.docker('run', '--rm', '--net', network, ...words(run), IMAGE, ...look)
				for (const route of routes) assert.ok(seen.includes(route), `${route} in ${seen}`)
				assert.equal(
					seen.includes('default'),
					routes.some((route) => route.includes('default')),
					seen,
				)
			}
			await host.docker('network', 'rm', ...networks)
			await assertFootprint(host, clean)
		})
	}

	it('ipvlan in l3: one subnet reaches the other, as the manual tries it', async () => {
		const network = await create(L3[0]?.create ?? '')
		await host.docker('run', '-d', '--name', 'one', '--net', network, '--ip=192.168.214.10', IMAGE)
		await host.docker('run', '--rm', '--net', network, '--ip=10.1.214.9', IMAGE, 'ping', '-c', '2', '192.168.214.10')
		await host.docker('rm', '-f', 'one')
		await host.docker('network', 'rm', network)
		await assertFootprint(host, clean)
	})
})
