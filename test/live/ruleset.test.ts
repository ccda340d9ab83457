/** What is rendered is what nft takes: the whole table, and every kind of element in and out of it. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { Firewall } from '../../src/kernel/firewall.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { filtersBridges, Nft } from '../../src/kernel/nftables.ts'
import { type Element, identity } from '../../src/kernel/resource.ts'
import { renderElements, renderTables, SETS } from '../../src/kernel/ruleset.ts'
import { parseIp, toBytes } from '../../src/model/address.ts'
import { run } from '../support/command.ts'
import { type Netns, noNetns, openNetns } from '../support/netns.ts'

const SAMPLES: Readonly<Record<string, readonly string[]>> = {
	ifname: ['weft0', 'br-0.1_x', '0-9', 'a23456789012345'],
	nf_proto: ['ipv4', 'ipv6', 'ipv4', 'ipv6'],
	ipv4_addr: ['10.0.0.2', '0.0.0.0', '255.255.255.255', '127.0.0.1'],
	ipv6_addr: ['fd00::2', '::', '::ffff:10.0.0.1', 'fe80::1'],
	ipv4_prefix: ['10.0.0.0/8', '192.0.2.1/32', '128.0.0.0/1', '10.0.1.64/26'],
	ipv6_prefix: ['fd00::/64', '2001:db8::1/128', '8000::/1', 'fe80::/10'],
	inet_proto: ['tcp', 'udp', 'sctp', 'tcp'],
	inet_service: ['1', '65535', '80', '8080'],
	ether_addr: ['02:42:0a:00:00:02', '00:00:00:00:00:01', 'fe:ff:ff:ff:ff:ff', '02:00:00:00:00:00'],
	'@th,64,128': ['fd00::2', 'fe80::ffff', 'fd00:231:1::9', '2001:db8::1'],
}
/** By tables: each has chains of its own. */
const VERDICTS: Readonly<Record<string, readonly string[]>> = {
	'bridge weft': ['goto held', 'goto held_mac', 'goto held', 'goto held_mac'],
	'inet weft': ['goto by_vxlan', 'goto by_wireguard', 'goto by_vxlan', 'goto by_wireguard'],
}

/** The last part of an element's key as nft lists it; a field that has no name there is a number. */
function lastPart({ set, key }: Element): string {
	const text = key.at(-1) ?? ''
	const [address, length] = text.split('/')
	if (length === '32' || length === '128') return JSON.stringify(address)
	if (length !== undefined) return `{"addr": "${address}", "len": ${length}}`
	if (SETS[set]?.key.at(-1) !== '@th,64,128') return JSON.stringify(text).replace(/^"(\d+)"$/, '$1')
	return `0x${Buffer.from(toBytes(parseIp(text))).toString('hex')}`
}

/** Elements of every set, with the odd ones among good parts. */
const ELEMENTS: Element[] = Object.entries(SETS).flatMap(([set, { key, value, table }]) =>
	[0, 1, 2, 3].map((i): Element => {
		const parts = (types: readonly string[]) =>
			types.map((type) => (type === 'verdict' ? VERDICTS[table] : SAMPLES[type])?.[i] ?? '')
		return value === undefined
			? { kind: 'element', set, key: parts(key) }
			: { kind: 'element', set, key: parts(key), value: parts(value) }
	}),
)

async function feed({ path }: Netns, commands: string, ...flags: string[]): Promise<void> {
	await run(['nsenter', `--net=${path}`, 'nft', ...flags, '-f', '-'], { input: commands })
}

async function ruleset(netns: Netns): Promise<{ chains: number; rules: number; elements: number }> {
	const objects: Record<string, { elem?: unknown[] }>[] = JSON.parse(
		await netns.run('nft', '-j', 'list', 'ruleset'),
	).nftables
	const sum = objects.reduce((total, { set, map }) => total + ((set ?? map)?.elem?.length ?? 0), 0)
	return {
		chains: objects.filter(({ chain }) => chain !== undefined).length,
		rules: objects.filter(({ rule }) => rule !== undefined).length,
		elements: sum,
	}
}

function openNft(context: TestContext, { path }: Netns): Nft {
	const nft = withNetns(path, () => Nft.open())
	context.after(() => nft.close())
	return nft
}

describe('nft', { skip: noNetns('nft') }, () => {
	it('reads each element back as it was written, and finds what somebody changed', {
		skip: noNetns(),
	}, async (context) => {
		const netns = await openNetns(context)
		const nft = openNft(context, netns)
		const firewall = new Firewall((commands) => nft.run(commands))
		const there = ELEMENTS.filter((each, i) => ELEMENTS.findIndex((other) => identity(other) === identity(each)) === i)
		await firewall.replace(there)
		assert.deepEqual(await firewall.drift(), [])
		await feed(netns, 'delete element inet weft bridges { "weft0" }\nadd element inet weft bridges { "other" }\n')
		assert.deepEqual([...(await firewall.drift())].sort(), [
			'element bridges "other" was added',
			'element bridges "weft0" was gone',
		])
		await firewall.renew()
		assert.deepEqual(await firewall.drift(), [])
		await feed(netns, 'insert rule inet weft forward drop\n')
		assert.deepEqual(await firewall.drift(), ['chains of inet weft were changed'])
	})

	it('takes the table, empty and full, and checks it without a word', async (context) => {
		const netns = await openNetns(context)
		await feed(netns, renderTables([]), '-c')
		await feed(netns, renderTables(ELEMENTS), '-c')
		assert.deepEqual(await ruleset(netns), { chains: 0, rules: 0, elements: 0 })
	})

	it('takes the table where nobody has /etc/protocols, as in an image with little else', async (context) => {
		const netns = await openNetns(context)
		const bare = 'if [ -e /etc/protocols ]; then mount --bind /dev/null /etc/protocols; fi; exec nft -c -f -'
		await run(['nsenter', `--net=${netns.path}`, 'unshare', '--mount', 'sh', '-c', bare], {
			input: renderTables(ELEMENTS),
		})
	})

	it('has as many rules for many elements as for none', async (context) => {
		const netns = await openNetns(context)
		await feed(netns, renderTables([]))
		const empty = await ruleset(netns)
		await feed(netns, renderTables(ELEMENTS))
		assert.deepEqual(await ruleset(netns), { ...empty, elements: ELEMENTS.length })
	})

	it('lists every set with the members that it was given, and lets go of them one by one', async (context) => {
		const netns = await openNetns(context)
		await feed(netns, renderTables([]))
		for (const element of ELEMENTS) {
			await feed(netns, renderElements('add', [element]))
			const listed = await netns.run('nft', '-j', 'list', 'ruleset')
			assert.ok(listed.includes(lastPart(element)), `${element.set} ${element.key}`)
			await feed(netns, renderElements('delete', [element]))
		}
		assert.equal((await ruleset(netns)).elements, 0)
	})

	it('refuses what the model of firewall.test.ts refuses, and then changes nothing', async (context) => {
		const netns = await openNetns(context)
		const nft = openNft(context, netns)
		const bridge: Element = { kind: 'element', set: 'bridges', key: ['weft0'] }
		const target: Element = { kind: 'element', set: 'publish4_any', key: ['tcp', '80'], value: ['10.0.0.1', '80'] }
		await assert.rejects(nft.run(renderElements('add', [bridge])), /^WeftError: nftables: .*No such file or directory/)
		await nft.run(renderTables([]))
		await assert.rejects(nft.run(renderElements('delete', [bridge])), /No such file or directory/)
		await nft.run(renderElements('add', [bridge, target]))
		await nft.run(renderElements('add', [bridge, target]))
		const elsewhere = { ...target, value: ['10.0.0.2', '80'] }
		await assert.rejects(
			nft.run(renderElements('delete', [bridge]) + renderElements('add', [elsewhere])),
			/File exists/,
		)
		assert.equal((await ruleset(netns)).elements, 2)
		await nft.run(renderElements('delete', [target]) + renderElements('add', [elsewhere]))
		assert.equal((await ruleset(netns)).elements, 2)
	})

	it('tells whether the kernel filters on bridges, and leaves nothing of the question', async (context) => {
		const netns = await openNetns(context)
		const nft = openNft(context, netns)
		assert.equal(await filtersBridges((commands) => nft.run(commands)), true)
		assert.equal(await filtersBridges(() => Promise.reject(new Error('Operation not supported'))), false)
		assert.equal(await netns.run('nft', 'list', 'tables'), '')
	})

	it('goes on after an error, and says one line of it', async (context) => {
		const netns = await openNetns(context)
		const nft = openNft(context, netns)
		for (let i = 0; i < 3; i++) {
			await assert.rejects(nft.run('add rule inet nowhere x accept\nnonsense\n'), (error: unknown) => {
				const { message } = error as Error
				return message.startsWith('nftables: ') && !message.includes('\n')
			})
			await nft.run(renderTables(ELEMENTS))
		}
		assert.equal((await ruleset(netns)).elements, ELEMENTS.length)
	})
})
