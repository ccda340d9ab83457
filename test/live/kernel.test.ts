/** LinuxKernel in a network namespace of its own keeps to the contract, as ip and nft see it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Departures } from '../../src/kernel/departures.ts'
import { Firewall, type NftRunner } from '../../src/kernel/firewall.ts'
import { Flows } from '../../src/kernel/flows.ts'
import { LinuxKernel } from '../../src/kernel/kernel.ts'
import { Rtnetlink } from '../../src/kernel/netlink/rtnetlink.ts'
import { Nft, runNftProgram } from '../../src/kernel/nftables.ts'
import { HostPorts } from '../../src/kernel/ports.ts'
import type { Resource } from '../../src/kernel/resource.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { Wireguard } from '../../src/kernel/wireguard.ts'
import { type KernelBed, kernelContract } from '../contract/kernel.ts'
import { attempt, run } from '../support/command.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

interface Link {
	readonly ifname: string
	readonly master?: string
	readonly mtu: number
	readonly address: string
	readonly flags: readonly string[]
	readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
	readonly linkinfo?: { readonly info_kind: string; readonly info_slave_data?: { readonly hairpin: boolean } }
}

type Part = string | number | { readonly concat: readonly Part[] }
type Member = Part | readonly [Part, Part]

interface NftSet {
	readonly name: string
	readonly elem?: readonly Member[]
}

async function links(): Promise<Link[]> {
	return JSON.parse(await run(['ip', '-j', '-d', 'addr']))
}

function textOf(part: Part): string {
	return typeof part === 'object' ? part.concat.map(textOf).join(' . ') : String(part)
}

/** From `SET KEY` to the value, as nft lists them. */
async function elements(): Promise<Map<string, string>> {
	const { code, stdout } = await attempt(['nft', '-j', 'list', 'table', 'inet', 'weft'])
	const objects: { set?: NftSet; map?: NftSet }[] = code === 0 ? JSON.parse(stdout).nftables : []
	const pairs = objects.flatMap(({ set, map }) => {
		const { name, elem = [] } = set ?? map ?? { name: '' }
		return elem.map((member): [string, string] => {
			const [key, value] = map === undefined ? [member as Part, ''] : (member as readonly [Part, Part])
			return [`${name} ${textOf(key)}`, textOf(value)]
		})
	})
	return new Map(pairs)
}

/** A compiled module of src/kernel, for a script. */
function source(name: string): string {
	return new URL(`../../src/kernel/${name}.js`, import.meta.url).href
}

const opened: (() => Promise<void>)[] = []

async function closeAll(): Promise<void> {
	for (const close of opened.splice(0)) await close()
	for (const { ifname } of await links()) {
		if (ifname !== 'lo') await attempt(['ip', 'link', 'del', ifname])
	}
	await run(['nft', 'flush', 'ruleset'])
}

async function open(runner?: NftRunner): Promise<KernelBed> {
	await closeAll()
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const nft = Nft.open()
	const firewall = new Firewall(runner ?? ((commands) => nft.run(commands)))
	const wireguard = new Wireguard(() => undefined)
	const kernel = new LinuxKernel(rtnetlink, firewall, new HostPorts(), new Flows(), new Departures(), wireguard)
	opened.push(async () => {
		await kernel.remove(
			['one', 'two'].map((owner): Resource => {
				return { kind: 'port', protocol: 'tcp', address: '127.0.0.1', port: 8080, owner }
			}),
		)
		await rtnetlink.close()
		nft.close()
	})
	return {
		kernel,
		objects: async () => {
			// The other end of a pair counts as the pair.
			const own = (await links()).filter(({ ifname }) => ifname !== 'lo' && !ifname.endsWith('p'))
			const addresses = own.flatMap(({ ifname, addr_info }) =>
				addr_info
					.filter(({ scope }) => scope === 'global')
					.map(({ local, prefixlen }) => `address ${ifname} ${local}/${prefixlen}`),
			)
			const members = Array.from((await elements()).keys(), (each) => `element ${each}`)
			return [...own.map(({ ifname }) => `link ${ifname}`), ...addresses, ...members].sort()
		},
		masterOf: async (link) => (await links()).find(({ ifname }) => ifname === link)?.master,
		targetOf: async (set, key) => (await elements()).get(`${set} ${key}`),
		addForeignLink: async (name) => {
			await run(['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`])
		},
		addForeignBridge: async (name, cidr) => {
			await run(['ip', 'link', 'add', name, 'type', 'bridge'])
			await run(['ip', 'addr', 'add', cidr, 'dev', name])
		},
		setting: async (key) => readSysctl(key),
		loseLink: async (name) => {
			await run(['ip', 'link', 'del', name])
		},
		loseAddress: async (link, cidr) => {
			await run(['ip', 'addr', 'del', cidr, 'dev', link])
		},
		loseTable: async () => {
			await run(['nft', 'delete', 'table', 'inet', 'weft'])
		},
	}
}

describe('Linux', { skip: noBed() }, () => {
	before(async () => {
		await enterOwnNamespace()
	})
	after(closeAll)

	kernelContract('LinuxKernel', open)

	it('makes links with the attributes that are asked for, and up', async () => {
		const { kernel } = await open()
		const master = 'weft0'
		await kernel.ensure([
			{ kind: 'bridge', name: master, mtu: 1400, mac: '02:77:00:00:00:01' },
			{ kind: 'veth', name: 'wv0', peer: 'wv0p', peerMac: '02:42:0a:00:00:02', master, mtu: 1400 },
		])
		const seen = (await links()).map(({ ifname, mtu, address, flags, linkinfo }) => {
			return [ifname, mtu, ifname === 'wv0' ? '' : address, flags.includes('UP'), linkinfo?.info_kind]
		})
		assert.deepEqual(seen.slice(1), [
			['weft0', 1400, '02:77:00:00:00:01', true, 'bridge'],
			['wv0p', 1400, '02:42:0a:00:00:02', false, 'veth'],
			['wv0', 1400, '', true, 'veth'],
		])
	})

	it('turns hairpin on and off, and does not mind a port that is gone', async () => {
		const { kernel, loseLink } = await open()
		const hairpin: Resource = { kind: 'hairpin', link: 'wv0' }
		const isOn = async () => {
			return (await links()).find(({ ifname }) => ifname === 'wv0')?.linkinfo?.info_slave_data?.hairpin
		}
		await assert.rejects(kernel.ensure([hairpin]), /hairpin wv0: .*No such device/)
		await kernel.ensure([
			{ kind: 'bridge', name: 'weft0', mtu: 1500, mac: '02:77:00:00:00:01' },
			{ kind: 'veth', name: 'wv0', peer: 'wv0p', peerMac: '02:42:0a:00:00:02', master: 'weft0', mtu: 1500 },
		])
		assert.equal(await isOn(), false)
		await kernel.ensure([hairpin])
		assert.equal(await isOn(), true)
		await kernel.remove([hairpin])
		assert.equal(await isOn(), false)
		await loseLink('wv0')
		await kernel.remove([hairpin])
	})

	it('sets what a link of a network needs, and refuses a setting that is not there', async () => {
		const { kernel } = await open()
		const key = 'net/ipv4/conf/weft0/route_localnet'
		const setting: Resource = { kind: 'sysctl', key, value: '1' }
		await assert.rejects(kernel.ensure([setting]), /route_localnet/)
		await kernel.ensure([{ kind: 'bridge', name: 'weft0', mtu: 1500, mac: '02:77:00:00:00:01' }, setting])
		assert.equal(await run(['cat', `/proc/sys/${key}`]), '1')
	})

	it('makes no pair on what is not a bridge, and says what that is', async () => {
		const { kernel, objects, addForeignLink } = await open()
		await addForeignLink('weft0')
		const before = await objects()
		const pair: Resource = {
			kind: 'veth',
			name: 'wv0',
			peer: 'wv0p',
			peerMac: '02:42:0a:00:00:02',
			master: 'weft0',
			mtu: 1400,
		}
		await assert.rejects(kernel.ensure([pair]), /^\S+: link wv0: weft0 is not a bridge$/)
		assert.deepEqual(await objects(), before)
	})

	it('makes a network on a host without IPv6', async () => {
		const script = `
			import { Rtnetlink } from '${source('netlink/rtnetlink')}'
			import { LinuxKernel } from '${source('kernel')}'
			const rtnetlink = new Rtnetlink()
			rtnetlink.open()
			const setting = (key, value) => ({ kind: 'sysctl', key, value })
			const kernel = new LinuxKernel(rtnetlink, { add: async () => undefined }, undefined)
			await kernel.ensure([
				{ kind: 'bridge', name: 'weft0', mtu: 1500, mac: '02:77:00:00:00:01' },
				setting('net/ipv4/conf/weft0/route_localnet', '1'),
				setting('net/ipv6/conf/weft0/disable_ipv6', '1'),
			])
			await rtnetlink.close()`
		// Hidden, since no namespace can be without it.
		const hide = 'mount -t tmpfs none /proc/sys/net/ipv6 && exec "$0" --input-type=module -e "$1"'
		await run(['unshare', '--mount', '--net', 'sh', '-c', hide, process.execPath, script])
	})

	it('lets a link go before what holds it back', async () => {
		const nft = Nft.open()
		const early: string[] = []
		const { kernel } = await open(async (commands) => {
			const there = (await links()).some(({ ifname }) => ifname === 'wv0')
			if (there && commands.startsWith('delete')) early.push(commands)
			return nft.run(commands)
		})
		opened.push(async () => nft.close())
		const all: Resource[] = [
			{ kind: 'bridge', name: 'weft0', mtu: 1500, mac: '02:77:00:00:00:01' },
			{ kind: 'veth', name: 'wv0', peer: 'wv0p', peerMac: '02:42:0a:00:00:02', master: 'weft0', mtu: 1500 },
			{ kind: 'element', set: 'links', key: ['wv0'] },
			{ kind: 'element', set: 'guards', key: ['wv0'], value: ['goto held'] },
			{ kind: 'element', set: 'apart_links', key: ['wv0'] },
		]
		await kernel.ensure(all)
		await kernel.remove(all)
		assert.deepEqual(early, [])
		assert.doesNotMatch(await run(['nft', 'list', 'ruleset']), /wv0/)
	})

	it('makes a bridge that is down come up', async () => {
		const { kernel } = await open()
		const bridge: Resource = { kind: 'bridge', name: 'weft0', mtu: 1500, mac: '02:77:00:00:00:01' }
		await kernel.ensure([bridge])
		await run(['ip', 'link', 'set', 'weft0', 'down'])
		await kernel.ensure([bridge])
		assert.ok((await links()).find(({ ifname }) => ifname === 'weft0')?.flags.includes('UP'))
	})

	it('gives a bridge that was there a MAC that stays, whatever ports come and go', async () => {
		const { kernel } = await open()
		const macs = async () =>
			(await links()).filter(({ ifname }) => ifname.startsWith('brook')).map((each) => each.address)
		for (const name of ['brook0', 'brook1', 'brook2']) await run(['ip', 'link', 'add', name, 'type', 'bridge'])
		const port = async (name: string) => {
			await run([
				'ip',
				'link',
				'add',
				`p${name}`,
				'address',
				'02:00:00:00:00:01',
				'type',
				'veth',
				'peer',
				'name',
				`q${name}`,
			])
			await run(['ip', 'link', 'set', `p${name}`, 'master', name])
		}
		await port('brook2')
		await run(['ip', 'link', 'del', 'pbrook2'])
		const [first, , bare] = await macs()
		assert.equal(bare, '00:00:00:00:00:00')
		const mac = '02:77:00:00:00:01'
		for (const name of ['brook0', 'brook2']) await kernel.ensure([{ kind: 'bridge', name, mtu: 1500, mac, kept: true }])
		for (const name of ['brook0', 'brook1', 'brook2']) await port(name)
		assert.deepEqual(await macs(), [first, '02:00:00:00:00:01', mac])
		for (const name of ['brook0', 'brook1', 'brook2']) await run(['ip', 'link', 'del', `p${name}`])
		assert.deepEqual(await macs(), [first, '00:00:00:00:00:00', mac])
	})

	it('does the same through the nft program', async () => {
		const { kernel, objects } = await open(runNftProgram)
		const element: Resource = { kind: 'element', set: 'bridges', key: ['weft0'] }
		await kernel.ensure([element])
		assert.deepEqual(await objects(), ['element bridges weft0'])
		assert.deepEqual(await kernel.compareTables(), [])
		await run(['nft', 'flush', 'set', 'inet', 'weft', 'bridges'])
		assert.deepEqual(await kernel.compareTables(), ['element bridges "weft0" was gone'])
		await kernel.renewTables()
		await kernel.remove([element])
		assert.deepEqual(await objects(), [])
	})

	it('puts the whole table back where somebody has flushed it', async () => {
		const { kernel, objects } = await open()
		const element = (name: string): Resource => ({ kind: 'element', set: 'bridges', key: [name] })
		await kernel.ensure([element('weft0')])
		await run(['nft', 'flush', 'ruleset'])
		await kernel.ensure([element('weft1')])
		assert.deepEqual(await objects(), ['element bridges weft0', 'element bridges weft1'])
	})
})
