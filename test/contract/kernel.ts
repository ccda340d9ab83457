/** What every Kernel keeps to: the same suite for the one in memory and for Linux, which is looked at through ip and nft. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isCode, messageOf, WeftError } from '../../src/errors.ts'
import type { Address, BridgeLink, Element, HostPort, Resource, Sysctl, VethLink } from '../../src/kernel/resource.ts'
import type { Kernel } from '../../src/kernel/verbs.ts'

/** A kernel with nothing in it, and a look at it from outside. */
export interface KernelBed {
	readonly kernel: Kernel
	/** What is there: `link NAME`, `address LINK CIDR`, `element SET KEY`, sorted. */
	objects(): Promise<string[]>
	/** The bridge that a link is a port of. */
	masterOf(link: string): Promise<string | undefined>
	/** Where the key of a map leads. */
	targetOf(set: string, key: string): Promise<string | undefined>
	/** A link of somebody else's, which is no bridge. */
	addForeignLink(name: string): Promise<void>
	/** A bridge of somebody else's with an address. */
	addForeignBridge(name: string, cidr: string): Promise<void>
	/** A kernel setting that was written. */
	setting(key: string): Promise<string | undefined>
	/** Somebody takes away a link. */
	loseLink(name: string): Promise<void>
	/** Somebody takes away an address. */
	loseAddress(link: string, cidr: string): Promise<void>
	/** Somebody takes away the firewall's table. */
	loseTable(): Promise<void>
}

const BRIDGE: BridgeLink = { kind: 'bridge', name: 'weft0', mtu: 1400, mac: '02:77:00:00:00:01' }
const GATEWAY: Address = { kind: 'address', link: 'weft0', cidr: '10.0.0.1/24' }
const GATEWAY6: Address = { kind: 'address', link: 'weft0', cidr: 'fd00::1/64' }
const VETH: VethLink = {
	kind: 'veth',
	name: 'wv0',
	peer: 'wv0p',
	peerMac: '02:42:0a:00:00:02',
	master: 'weft0',
	mtu: 1400,
}
const ON_BRIDGE: Element = { kind: 'element', set: 'bridges', key: ['weft0'] }
const ENDPOINT: Element = { kind: 'element', set: 'endpoints4', key: ['weft0', '10.0.0.2'] }
const PUBLISH: Element = { kind: 'element', set: 'publish4_any', key: ['tcp', '8080'], value: ['10.0.0.2', '80'] }
const PORT: HostPort = { kind: 'port', protocol: 'tcp', address: '127.0.0.1', port: 8080, owner: 'one' }
const OTHERS_PORT: HostPort = { ...PORT, owner: 'two' }
const LOST: Address = { kind: 'address', link: 'nowhere', cidr: '10.0.0.1/24' }

const LOCALNET: Sysctl = { kind: 'sysctl', key: 'net/ipv4/conf/weft0/route_localnet', value: '1' }

const NETWORK: readonly Resource[] = [BRIDGE, GATEWAY, GATEWAY6, ON_BRIDGE]
const ALL: readonly Resource[] = [...NETWORK, VETH, ENDPOINT, PORT, PUBLISH]
const ALL_OBJECTS = [
	'address weft0 10.0.0.1/24',
	'address weft0 fd00::1/64',
	'element bridges weft0',
	'element endpoints4 weft0 . 10.0.0.2',
	'element publish4_any tcp . 8080',
	'link weft0',
	'link wv0',
]

const inUse = (error: unknown) => isCode(error, 'in-use')

export function kernelContract(name: string, open: () => Promise<KernelBed>): void {
	describe(`${name}: ensure`, () => {
		it('makes all, and twice no more', async () => {
			const { kernel, objects, masterOf } = await open()
			for (let i = 0; i < 2; i++) {
				await kernel.ensure(ALL)
				assert.deepEqual(await objects(), ALL_OBJECTS)
			}
			assert.equal(await masterOf('wv0'), 'weft0')
		})

		it('says whether there is a link', async () => {
			const { kernel } = await open()
			assert.equal(kernel.hasLink('weft0'), false)
			await kernel.ensure(NETWORK)
			assert.deepEqual([kernel.hasLink('weft0'), kernel.hasLink('wv0')], [true, false])
		})

		it('says whether a container has yet to take its end of a pair', async () => {
			const { kernel, loseLink } = await open()
			assert.equal(await kernel.isAwaited('wv0'), false)
			await kernel.ensure(ALL)
			assert.equal(await kernel.isAwaited('wv0'), true)
			await loseLink('wv0')
			assert.equal(await kernel.isAwaited('wv0'), false)
		})

		it('takes back what it made where a link is missing, and names the resource', async () => {
			const { kernel, objects } = await open()
			await assert.rejects(kernel.ensure([...ALL, LOST]), (error: unknown) => {
				return error instanceof WeftError && /address nowhere 10\.0\.0\.1\/24: .*No such device/.test(error.message)
			})
			assert.deepEqual(await objects(), [])
			await kernel.ensure([OTHERS_PORT])
		})

		it('takes back what it made where the firewall refuses', async () => {
			const { kernel, objects } = await open()
			const bad: Element = { kind: 'element', set: 'bridges', key: ['weft0"; flush ruleset'] }
			await assert.rejects(kernel.ensure([...ALL, bad]), /firewall: /)
			assert.deepEqual(await objects(), [])
			await kernel.ensure(ALL)
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})

		it('leaves what was there before a failure', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure(NETWORK)
			const before = await objects()
			await assert.rejects(kernel.ensure([...ALL, LOST]))
			assert.deepEqual(await objects(), before)
		})

		it('refuses a name that a link has which is no bridge, and leaves that link', async () => {
			const { kernel, objects, addForeignLink } = await open()
			await addForeignLink('weft0')
			const before = await objects()
			await assert.rejects(kernel.ensure(NETWORK), (error: unknown) => {
				return inUse(error) && messageOf(error) === 'link weft0: exists and is not a bridge'
			})
			assert.deepEqual(await objects(), before)
		})

		it('refuses a port that another owner has, in words, and not the same owner’s', async () => {
			const { kernel } = await open()
			await kernel.ensure([PORT])
			await kernel.ensure([PORT])
			await assert.rejects(kernel.ensure([OTHERS_PORT]), (error: unknown) => {
				return inUse(error) && messageOf(error) === 'port 127.0.0.1:8080/tcp is already allocated'
			})
			await kernel.remove([OTHERS_PORT])
			await assert.rejects(kernel.ensure([OTHERS_PORT]), inUse)
			await kernel.remove([PORT])
			await kernel.ensure([OTHERS_PORT])
		})

		it('says whose a port is, also on another of the addresses that it is on', async () => {
			const { kernel } = await open()
			assert.equal(await kernel.holderOf(OTHERS_PORT), undefined)
			await kernel.ensure([PORT])
			assert.deepEqual(await kernel.holderOf(OTHERS_PORT), { owner: 'one' })
			assert.deepEqual(await kernel.holderOf({ ...OTHERS_PORT, address: '0.0.0.0' }), { owner: 'one' })
			assert.equal(await kernel.holderOf({ ...OTHERS_PORT, address: '127.0.0.2' }), undefined)
		})

		it('leads the key of a map elsewhere', async () => {
			const { kernel, targetOf } = await open()
			await kernel.ensure([PUBLISH])
			assert.equal(await targetOf('publish4_any', 'tcp . 8080'), '10.0.0.2 . 80')
			await kernel.ensure([{ ...PUBLISH, value: ['10.0.0.3', '81'] }])
			assert.equal(await targetOf('publish4_any', 'tcp . 8080'), '10.0.0.3 . 81')
		})
	})

	describe(`${name}: remove`, () => {
		it('takes all away, and twice no more', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure(ALL)
			for (let i = 0; i < 2; i++) {
				await kernel.remove(ALL)
				assert.deepEqual(await objects(), [])
			}
			await kernel.ensure([OTHERS_PORT])
		})

		it('leaves what it is not asked for', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure(NETWORK)
			const before = await objects()
			await kernel.ensure(ALL)
			await kernel.remove(ALL.slice(NETWORK.length))
			assert.deepEqual(await objects(), before)
		})

		it('does not mind what has gone already with something else', async () => {
			const { kernel, objects, loseLink } = await open()
			await kernel.ensure(ALL)
			await loseLink('wv0')
			await loseLink('weft0')
			await kernel.remove(ALL)
			assert.deepEqual(await objects(), [])
		})

		it('leaves a link that is no bridge and has the name of one that is gone', async () => {
			const { kernel, objects, loseLink, addForeignLink } = await open()
			await kernel.ensure(NETWORK)
			await loseLink('weft0')
			await addForeignLink('weft0')
			await kernel.remove(NETWORK)
			assert.deepEqual(await objects(), ['link weft0'])
		})

		it('goes on after an error, and throws at the end', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure(ALL)
			const bad: Address = { ...GATEWAY, cidr: 'nonsense' }
			await assert.rejects(kernel.remove([...ALL, bad]), /remove: .*nonsense/)
			assert.deepEqual(await objects(), [])
			await kernel.ensure([OTHERS_PORT])
		})

		it('tells of all errors where there are several', async () => {
			const { kernel } = await open()
			await kernel.ensure(NETWORK)
			const bad = ['nonsense', 'folly'].map((cidr): Address => ({ ...GATEWAY, cidr }))
			await assert.rejects(kernel.remove(bad), (error: unknown) => {
				return error instanceof AggregateError && /folly.*nonsense/.test(messageOf(error))
			})
		})
	})

	describe(`${name}: repair`, () => {
		it('finds nothing where nothing is amiss', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure(ALL)
			assert.deepEqual(await kernel.repair(ALL), [])
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})

		it('puts back an address, and says so', async () => {
			const { kernel, objects, loseAddress } = await open()
			await kernel.ensure(ALL)
			await loseAddress('weft0', GATEWAY.cidr)
			assert.deepEqual(await kernel.repair(ALL), ['address weft0 10.0.0.1/24 was gone'])
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})

		it('puts back a bridge with all that was on it', async () => {
			const { kernel, objects, masterOf, loseLink } = await open()
			await kernel.ensure(ALL)
			await loseLink('weft0')
			assert.deepEqual(await kernel.repair(ALL), [
				'link weft0 was gone',
				'address weft0 10.0.0.1/24 was gone',
				'address weft0 fd00::1/64 was gone',
				'link wv0 was not on weft0',
			])
			assert.equal(await masterOf('wv0'), 'weft0')
			assert.deepEqual(await objects(), ALL_OBJECTS)
			assert.deepEqual(await kernel.repair(ALL), [])
		})

		it('puts back a setting', async () => {
			const { kernel, setting } = await open()
			await kernel.ensure([...NETWORK, LOCALNET])
			await kernel.ensure([{ ...LOCALNET, value: '0' }])
			assert.deepEqual(await kernel.repair([...NETWORK, LOCALNET]), [
				'sysctl net/ipv4/conf/weft0/route_localnet was 0 instead of 1',
			])
			assert.equal(await setting(LOCALNET.key), '1')
		})

		it('makes no pair, whose other end is gone, and no element', async () => {
			const { kernel, objects, loseLink, loseTable } = await open()
			await kernel.ensure(ALL)
			await loseLink('wv0')
			await loseTable()
			assert.deepEqual(await kernel.repair(ALL), [])
			await loseLink('weft0')
			assert.deepEqual((await kernel.repair(ALL)).length, 3)
			assert.deepEqual(await objects(), ['address weft0 10.0.0.1/24', 'address weft0 fd00::1/64', 'link weft0'])
		})

		it('holds a port again that another had when it was restored, as soon as that is gone', async () => {
			const { kernel } = await open()
			await kernel.ensure([OTHERS_PORT])
			assert.equal((await kernel.restore(ALL)).length, 1)
			await kernel.ensure([VETH])
			await assert.rejects(kernel.repair(ALL), inUse)
			await kernel.remove([OTHERS_PORT])
			assert.deepEqual(await kernel.repair(ALL), ['port tcp 127.0.0.1 8080 was not held'])
			assert.ok(kernel.has(PORT))
			assert.deepEqual(await kernel.repair(ALL), [])
		})

		it('fails where it cannot, and names the resource', async () => {
			const { kernel, loseLink } = await open()
			await kernel.ensure(ALL)
			await loseLink('weft0')
			await assert.rejects(kernel.repair([GATEWAY]), /address weft0 10\.0\.0\.1\/24: .*No such device/)
		})
	})

	describe(`${name}: differences`, () => {
		it('finds nothing where nothing is amiss, nor where only the table is gone', async () => {
			const { kernel, loseTable } = await open()
			await kernel.ensure([...ALL, LOCALNET])
			assert.deepEqual(await kernel.differences([...ALL, LOCALNET]), [])
			await loseTable()
			assert.deepEqual(await kernel.differences(ALL), [])
		})

		it('names what is gone, of every kind, and puts nothing back', async () => {
			const { kernel, objects, loseLink, loseAddress } = await open()
			await kernel.ensure([...NETWORK, VETH])
			await loseAddress('weft0', GATEWAY.cidr)
			await loseLink('wv0')
			const before = await objects()
			const expected = ['address weft0 10.0.0.1/24', 'link wv0', 'element endpoints4 weft0 . 10.0.0.2']
			const found = [...expected, 'port tcp 127.0.0.1 8080', 'element publish4_any tcp . 8080']
			assert.deepEqual(
				await kernel.differences(ALL),
				found.map((each) => `${each} was gone`),
			)
			assert.deepEqual(await objects(), before)
		})

		it('names a setting with another value', async () => {
			const { kernel } = await open()
			await kernel.ensure([...NETWORK, LOCALNET])
			await kernel.ensure([{ ...LOCALNET, value: '0' }])
			assert.deepEqual(await kernel.differences([LOCALNET]), [
				'sysctl net/ipv4/conf/weft0/route_localnet was 0 instead of 1',
			])
		})

		it('lists the links of the host', async () => {
			const { kernel, addForeignLink } = await open()
			await addForeignLink('other0')
			await kernel.ensure([...NETWORK, VETH])
			const links = await kernel.links()
			for (const link of ['other0', 'weft0', 'wv0', 'wv0p']) assert.ok(links.includes(link), link)
		})
	})

	describe(`${name}: renewTables`, () => {
		it('makes the table anew with what is wanted, and touches nothing else', async () => {
			const { kernel, objects, loseTable } = await open()
			await kernel.ensure([...ALL, { kind: 'element', set: 'internal', key: ['weft0'] }])
			await kernel.remove([{ kind: 'element', set: 'internal', key: ['weft0'] }])
			await loseTable()
			assert.ok(!(await objects()).some((each) => each.startsWith('element')))
			for (let i = 0; i < 2; i++) {
				await kernel.renewTables()
				assert.deepEqual(await objects(), ALL_OBJECTS)
			}
		})
	})

	describe(`${name}: compareTables`, () => {
		it('finds nothing where nothing is amiss, and the table where it is gone', async () => {
			const { kernel, objects, loseTable } = await open()
			await kernel.ensure(ALL)
			assert.deepEqual(await kernel.compareTables(), [])
			await loseTable()
			assert.deepEqual(await kernel.compareTables(), ['table inet weft was gone'])
			await kernel.renewTables()
			assert.deepEqual(await kernel.compareTables(), [])
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})
	})

	describe(`${name}: what was there before`, () => {
		const [bridge, gateway] = [
			{ ...BRIDGE, kept: true as const },
			{ ...GATEWAY, kept: true as const },
		]
		const plan: readonly Resource[] = [bridge, gateway, GATEWAY6, { ...LOCALNET, undone: '0' }]

		it('is used, and left as it was', async () => {
			const { kernel, objects, setting, addForeignBridge } = await open()
			await addForeignBridge('weft0', GATEWAY.cidr)
			const before = await objects()
			await kernel.ensure(plan)
			assert.deepEqual(await objects(), [...before.slice(0, 1), 'address weft0 fd00::1/64', ...before.slice(1)])
			assert.equal(await setting(LOCALNET.key), '1')
			await kernel.remove(plan)
			assert.deepEqual(await objects(), before)
			assert.equal(await setting(LOCALNET.key), '0')
		})

		it('is left as it was also by what failed, and by what changed nothing', async () => {
			const { kernel, objects, setting, addForeignBridge } = await open()
			await addForeignBridge('weft0', GATEWAY.cidr)
			const before = await objects()
			await assert.rejects(kernel.ensure([...plan, LOST]))
			assert.deepEqual(await objects(), before)
			assert.equal(await setting(LOCALNET.key), '0')
			await kernel.ensure([LOCALNET])
			await assert.rejects(kernel.ensure([...plan, LOST]))
			assert.equal(await setting(LOCALNET.key), '1')
		})

		it('is made anew where it is gone, and then left too', async () => {
			const { kernel, objects, loseLink, addForeignBridge } = await open()
			await addForeignBridge('weft0', GATEWAY.cidr)
			const before = await objects()
			await loseLink('weft0')
			assert.deepEqual(await kernel.restore(plan), [])
			await kernel.remove(plan)
			assert.deepEqual(await objects(), before)
		})
	})

	describe(`${name}: restore`, () => {
		const state = ALL.filter((resource) => resource !== VETH)

		it('makes everything but pairs, whose other end is gone', async () => {
			const { kernel, objects } = await open()
			assert.deepEqual(await kernel.restore(ALL), [])
			assert.deepEqual(
				await objects(),
				ALL_OBJECTS.filter((each) => each !== 'link wv0'),
			)
		})

		it('leaves the firewall with these elements and no others', async () => {
			const { kernel, objects } = await open()
			await kernel.ensure([...ALL, { kind: 'element', set: 'internal', key: ['weft9'] }])
			assert.deepEqual(await kernel.restore(state), [])
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})

		it('hangs a pair that is there on its bridge, which is a new one', async () => {
			const { kernel, objects, masterOf, loseLink } = await open()
			await kernel.ensure(ALL)
			await loseLink('weft0')
			assert.equal(await masterOf('wv0'), undefined)
			assert.deepEqual(await kernel.restore(ALL), [])
			assert.equal(await masterOf('wv0'), 'weft0')
			assert.deepEqual(await objects(), ALL_OBJECTS)
		})

		it('returns its failures and goes on', async () => {
			const { kernel, objects } = await open()
			const errors = await kernel.restore([LOST, ...ALL])
			assert.deepEqual(errors.map(messageOf).length, 1)
			assert.match(errors.map(messageOf).join(), /nowhere/)
			assert.ok((await objects()).includes('address weft0 fd00::1/64'))
		})
	})
}
