/** `docker network` on networks of weft's: what it lists, tells, refuses and removes is as with Docker's own drivers. */

import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, endpointOf, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

interface Inspected {
	readonly Id: string
	readonly Name: string
	readonly Driver: string
	readonly Labels: Readonly<Record<string, string>>
	readonly Options: Readonly<Record<string, string>>
	readonly IPAM: {
		readonly Driver: string
		readonly Options: Readonly<Record<string, string>>
		readonly Config: readonly Readonly<Record<string, string>>[]
	}
	readonly Containers: Readonly<Record<string, { Name: string; IPv4Address: string; MacAddress: string }>>
}

onEngines('docker network', (engine) => {
	let host: Host

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'plain')
	})
	after(() => host?.stop())

	async function inspect(...names: readonly string[]): Promise<Inspected[]> {
		return JSON.parse(await host.docker('network', 'inspect', ...names))
	}

	async function inspectOne(name: string): Promise<Inspected> {
		const [network] = await inspect(name)
		assert.ok(network, name)
		return network
	}

	it('lists networks by driver, name, id, label and kind', async () => {
		await createNetwork(host, 'listed', '--label', 'colour=red')
		const { Id } = await inspectOne('listed')
		const list = async (...filters: string[]) => {
			const words = filters.flatMap((filter) => ['--filter', filter])
			return (await host.docker('network', 'ls', '--format', '{{.Name}}', ...words)).split('\n')
		}
		assert.deepEqual(await list('driver=weft'), ['listed', 'plain'])
		assert.deepEqual(await list('driver=weft', 'name=liste'), ['listed'])
		assert.deepEqual(await list(`id=${Id.slice(0, 12)}`), ['listed'])
		assert.deepEqual(await list('label=colour'), ['listed'])
		assert.deepEqual(await list('label=colour=blue'), [''])
		assert.deepEqual(await list('type=custom'), ['listed', 'plain'])
		assert.deepEqual(await list('type=builtin'), ['bridge', 'host', 'none'])
		await host.docker('network', 'rm', 'listed')
		assert.deepEqual(await list('driver=weft'), ['plain'])
	})

	it('tells what a network was asked to have', async () => {
		const four = ['--subnet', '172.28.0.0/16', '--ip-range', '172.28.5.0/24', '--gateway', '172.28.5.254']
		const six = ['--ipv6', '--subnet', '2001:db8:abcd::/64', '--gateway', '2001:db8:abcd::99']
		const more = ['--label', 'env=test', '-o', 'mtu=1400', '--ipam-opt', 'colour=red']
		await createNetwork(host, 'asked', ...four, ...six, ...more)
		const { Driver, Labels, Options, IPAM } = await inspectOne('asked')
		assert.deepEqual([Driver, IPAM.Driver], ['weft', 'weft'])
		assert.deepEqual([Labels, Options, IPAM.Options], [{ env: 'test' }, { mtu: '1400' }, { colour: 'red' }])
		const [first, second] = IPAM.Config
		assert.deepEqual(first, { Subnet: '172.28.0.0/16', IPRange: '172.28.5.0/24', Gateway: '172.28.5.254' })
		assert.deepEqual(second, { Subnet: '2001:db8:abcd::/64', Gateway: '2001:db8:abcd::99' })
	})

	it('tells what weft has chosen, with gateways that are plain addresses, and IPv6 that is local', async () => {
		await createNetwork(host, 'chosen', '--ipv6')
		const [first, second] = (await inspectOne('chosen')).IPAM.Config
		assert.match(first?.Subnet ?? '', /^10\.210\.\d+\.0\/24$/)
		assert.match(first?.Gateway ?? '', /^10\.210\.\d+\.1$/)
		assert.match(second?.Subnet ?? '', /^fd77:[0-9a-f:]+\/64$/)
		// Up to version 27 Docker shows that one with its mask.
		assert.match(second?.Gateway ?? '', isSince(engine, 28) ? /^fd77:[0-9a-f:]+$/ : /^fd77:[0-9a-f:]+\/64$/)
	})

	it('tells who is on a network, by the present name and address, as long as it is', async () => {
		await runContainer(host, 'guest', 'plain')
		const containers = async () => Object.values((await inspectOne('plain')).Containers)
		const { IPAddress, MacAddress } = await endpointOf(host, 'guest', 'plain')
		const [guest] = await containers()
		assert.equal(guest?.Name, 'guest')
		assert.equal(guest?.IPv4Address, `${IPAddress}/24`)
		assert.equal(guest?.MacAddress, MacAddress)
		await host.docker('network', 'disconnect', 'plain', 'guest')
		assert.deepEqual(await containers(), [])
		await host.docker('network', 'connect', 'plain', 'guest')
		await host.docker('network', 'disconnect', '-f', 'plain', 'guest')
		assert.deepEqual(await containers(), [])
		await host.docker('rm', '-f', 'guest')
	})

	it('takes names, whole ids and their beginnings, and the id where a name is the same', async () => {
		const { Id } = await inspectOne('plain')
		await createNetwork(host, Id.slice(0, 12))
		await createNetwork(host, 'second')
		const namesake = (await host.docker('network', 'ls', '-q', '--filter', `name=^${Id.slice(0, 12)}$`)).trim()
		assert.deepEqual(
			(await inspect('plain', Id, namesake, 'second')).map(({ Name }) => Name),
			['plain', 'plain', Id.slice(0, 12), 'second'],
		)
		await runContainer(host, 'by-id', Id)
		assert.ok((await addressOf(host, 'by-id', 'plain')) !== '')
		await createNetwork(host, (await inspectOne('second')).Id)
		await host.docker('network', 'rm', (await inspectOne('second')).Id)
		assert.match(await host.docker('network', 'ls', '--format', '{{.Name}}'), /^[0-9a-f]{64}$/m)
		const left = (await host.docker('network', 'ls', '--format', '{{.Name}}')).split('\n')
		assert.ok(!left.includes('second'), left.join())
		await host.docker('rm', '-f', 'by-id')
		await host.docker('network', 'rm', namesake, left.find((name) => name.length === 64) ?? '')
	})

	it('tells of those that there are beside one that is none', async () => {
		const { code, stdout, stderr } = await host.attemptDocker('network', 'inspect', 'plain', 'nonexistent')
		assert.notEqual(code, 0)
		assert.match(stderr, /nonexistent.*not found|No such network: nonexistent/)
		assert.deepEqual(
			JSON.parse(stdout).map(({ Name }: Inspected) => Name),
			['plain'],
		)
	})

	it('removes several at once, but none that is in use and none that is none', async () => {
		for (const name of ['one', 'two', 'three']) await createNetwork(host, name)
		await runContainer(host, 'user', 'two')
		await refused(host, ['network', 'rm', 'one', 'two', 'three', 'four'], /two[^\n]*has active endpoints/)
		await refused(host, ['network', 'rm', 'four'], /four.*not found|No such network: four/)
		const { stdout } = await host.attemptDocker('network', 'ls', '--format', '{{.Name}}', '--filter', 'driver=weft')
		for (const name of ['one', 'three']) assert.ok(!stdout.split('\n').includes(name), stdout)
		await assertPings(await inContainer(host, 'user'), (await endpointOf(host, 'user', 'two')).Gateway)
		await host.docker('rm', '-f', 'user')
		await host.docker('network', 'rm', 'two')
	})

	it("takes any name but one that is taken or Docker's own, whatever is in it", async () => {
		await refused(host, ['network', 'create', '-d', 'weft', '--ipam-driver', 'weft', 'plain'], /plain already exists/)
		for (const name of ['bridge', 'host', 'none', 'default']) {
			await refused(host, ['network', 'create', '-d', 'weft', name], /pre-?defined|already exists|reserved/)
			if (name !== 'default') await refused(host, ['network', 'rm', name], /pre-?defined|cannot be removed/)
		}
		for (const name of ['test@#$', 'Größe_1.a-b']) {
			await createNetwork(host, name)
			await host.docker('network', 'rm', name)
		}
	})

	it("gives addresses to networks of Docker's own bridge driver", async () => {
		const subnet = ['--subnet', '10.96.0.0/24']
		await host.docker('network', 'create', '-d', 'bridge', '--ipam-driver', 'weft', ...subnet, 'theirs')
		const { Driver, IPAM } = await inspectOne('theirs')
		assert.deepEqual([Driver, IPAM.Driver], ['bridge', 'weft'])
		for (const name of ['theirs-1', 'theirs-2']) await runContainer(host, name, 'theirs')
		const address = await addressOf(host, 'theirs-2', 'theirs')
		assert.match(address, /^10\.96\.0\./)
		await assertPings(await inContainer(host, 'theirs-1'), address)
		await host.docker('rm', '-f', 'theirs-1', 'theirs-2')
		await host.docker('network', 'rm', 'theirs')
		await createNetwork(host, 'ours', ...subnet)
		await host.docker('network', 'rm', 'ours')
	})

	it('has settings of one network for others', async () => {
		const settings = ['--config-only', '--subnet', '10.97.0.0/24', '-o', 'mtu=1400']
		await host.docker('network', 'create', ...settings, 'settings')
		await host.docker('network', 'create', '-d', 'weft', '--config-from', 'settings', 'made')
		await runContainer(host, 'user', 'made')
		assert.match(await addressOf(host, 'user', 'made'), /^10\.97\.0\./)
		assert.equal(await host.docker('exec', 'user', 'cat', '/sys/class/net/eth0/mtu'), '1400')
		await host.docker('rm', '-f', 'user')
		await host.docker('network', 'rm', 'made', 'settings')
	})

	if (isSince(engine, 24)) {
		it("has settings of dockerd's for all networks", async () => {
			const labels = ['driver.mtu=1400', ...(isSince(engine, 28) ? ['enable_ipv6=true'] : [])]
			await host.stopDockerd()
			await host.startDockerd(labels.flatMap((label) => ['--default-network-opt', `weft=com.docker.network.${label}`]))
			await createNetwork(host, 'usual')
			await createNetwork(host, 'other', '-o', 'com.docker.network.driver.mtu=1300')
			for (const [name, mtu] of [
				['usual', '1400'],
				['other', '1300'],
			] as const) {
				await runContainer(host, name, name)
				assert.equal(await host.docker('exec', name, 'cat', '/sys/class/net/eth0/mtu'), mtu)
				assert.equal((await endpointOf(host, name, name)).GlobalIPv6Address !== '', isSince(engine, 28))
				await host.docker('rm', '-f', name)
				await host.docker('network', 'rm', name)
			}
			await host.stopDockerd()
			await host.startDockerd()
		})
	}

	it('connects nobody twice, nor to the network of the host, and nothing changes', async () => {
		await runContainer(host, 'settled', 'plain')
		const before = await host.docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'settled')
		await refused(host, ['network', 'connect', 'plain', 'settled'], /already exists|already attached/)
		await refused(host, ['network', 'connect', 'host', 'settled'], /cannot.*host network|host.*network/)
		assert.equal(await host.docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'settled'), before)
		await host.docker('run', '-d', '--name', 'at-home', '--net', 'host', IMAGE)
		await refused(host, ['network', 'connect', 'plain', 'at-home'], /host/)
		await refused(host, ['network', 'disconnect', 'host', 'at-home'], /host/)
		await host.docker('rm', '-f', 'settled', 'at-home')
	})

	it("moves a container from Docker's bridge to a network of weft's and back", async () => {
		await host.docker('run', '-d', '--name', 'mover', IMAGE)
		await host.docker('network', 'connect', 'plain', 'mover')
		await host.docker('network', 'disconnect', 'bridge', 'mover')
		await assertPings(await inContainer(host, 'mover'), (await endpointOf(host, 'mover', 'plain')).Gateway)
		await host.docker('network', 'connect', 'bridge', 'mover')
		await host.docker('network', 'disconnect', 'plain', 'mover')
		await assertPings(await inContainer(host, 'mover'), (await endpointOf(host, 'mover', 'bridge')).Gateway)
		await host.docker('rm', '-f', 'mover')
	})
})
