/** What people and their scripts get wrong: one clear line in Docker's answer, nothing left behind, weft lives on. */

import assert from 'node:assert/strict'
import { after, afterEach, before, it } from 'node:test'
import { isSince } from '../support/engine.ts'
import type { Host } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { recordsOf } from '../support/records.ts'
import { assertFootprint, type Footprint, footprint } from './footprint.ts'
import { createNetwork, onEngines, refused, runContainer, startDockerHost } from './networks.ts'

/** Lines around the complaint: the client's hint, and from Docker 25 on a heading over what dockerd itself refuses. */
const DOCKERS_OWN = /^(Run|See) 'docker|: invalid network config:$/
const CREATE = ['network', 'create', '--driver', 'weft', '--ipam-driver', 'weft']

onEngines('bad input', (engine) => {
	let host: Host
	let clean: Footprint

	before(async () => {
		host = await startDockerHost(engine)
		await createNetwork(host, 'warm-up')
		await host.docker('network', 'rm', 'warm-up')
		clean = await footprint(host)
	})
	afterEach(() => host.attemptDocker('network', 'rm', 'bad'))
	after(async () => {
		await host?.stop()
	})

	/** Refused without a trace in the kernel and on record. Answers Docker's complaint. */
	async function leavesNothing(words: readonly string[], expected: RegExp, before: Footprint): Promise<string> {
		const records = () => recordsOf(host.path('/run/weft/admin.sock'))
		const found = await records()
		const complaint = await refused(host, words, expected)
		assert.deepEqual(await records(), found)
		await assertFootprint(host, before)
		return complaint
	}

	/** Refused in one line, without a trace, and the next network works. */
	async function assertRefused(words: readonly string[], expected: RegExp, before = clean): Promise<void> {
		const complaint = await leavesNothing(words, expected, before)
		assert.equal(
			complaint
				.trim()
				.split('\n')
				.filter((line) => !DOCKERS_OWN.test(line) && line).length,
			1,
			complaint,
		)
		assert.ok(host.weftd.running, host.weftd.tail())
		await createNetwork(host, 'alive')
		await host.docker('network', 'rm', 'alive')
	}

	const refusals: readonly [title: string, options: readonly string[], expected: RegExp][] = [
		['an unknown option', ['-o', 'colour=red'], /colour/],
		['a misspelt option', ['-o', 'mdoe=bridge'], /mdoe/],
		["another mode's option", ['-o', 'parent=eth0'], /parent/],
		['an unknown mode', ['-o', 'mode=bridgee'], /bridgee/],
		['a mode in nftables syntax', ['-o', 'mode=bridge"; flush ruleset; #'], /mode/],
		['a mode of two lines', ['-o', 'mode=bridge\nhost'], /mode/],
		['an MTU that is no number', ['-o', 'mtu=big'], /mtu.*big/],
		['an MTU that is too small', ['-o', 'mtu=60'], /mtu.*60/],
		['an MTU that is too large', ['-o', 'mtu=70000'], /mtu.*70000/],
		['a boolean that is none', ['-o', 'com.docker.network.bridge.enable_icc=perhaps'], /enable_icc.*perhaps/],
		['a bridge name that is too long', ['-o', 'com.docker.network.bridge.name=abcdefghijklmnop'], /abcdefghijklmnop/],
		['a bridge name with a slash', ['-o', 'com.docker.network.bridge.name=../../x'], /bridge\.name/],
		['a bridge name with a quote', ['-o', 'com.docker.network.bridge.name=a"; drop'], /bridge\.name/],
		['a link that is no bridge', ['-o', 'com.docker.network.bridge.name=eth0'], /eth0/],
		["a bridge of Docker's", ['-o', 'com.docker.network.bridge.name=docker0'], /docker0/],
		['a gateway that the host has elsewhere', ['--subnet', '203.0.113.0/24', '--gateway', '203.0.113.2'], /on eth0/],
		['a prefix that makes long names', ['-o', 'com.docker.network.container_iface_prefix=abcdefghijklmnop'], /prefix/],
		['a prefix with a slash', ['-o', 'com.docker.network.container_iface_prefix=a/b'], /prefix/],
		['a binding address that is none', ['-o', 'com.docker.network.bridge.host_binding_ipv4=300.1.2.3'], /300\.1\.2\.3/],
		['a gateway mode that is none', ['-o', 'com.docker.network.bridge.gateway_mode_ipv4=tunnel'], /tunnel/],
		[
			'an isolated network that is not internal',
			['-o', 'com.docker.network.bridge.gateway_mode_ipv6=isolated'],
			/isolated.*--internal/,
		],
		['a source address that is none', ['-o', 'com.docker.network.host_ipv4=fd00::1'], /fd00::1/],
		[
			'a trusted interface that cannot be one',
			['-o', 'com.docker.network.bridge.trusted_host_interfaces=a b"'],
			/trusted/,
		],
		[
			'another gateway on an internal network',
			['--internal', '--subnet', '10.80.0.0/24', '--aux-address', 'DefaultGatewayIPv4=10.80.0.9'],
			/DefaultGatewayIPv4/,
		],
		['a subnet of multicast', ['--ipv6', '--subnet', 'ff05:1::/64', '--ipam-driver', 'default'], /ff05:1::/],
		[
			'another gateway outside of the subnet',
			['--subnet', '10.80.0.0/24', '--aux-address', 'DefaultGatewayIPv4=10.81.0.9'],
			/10\.81\.0\.9/,
		],
		['two subnets of one family', ['--subnet', '10.80.0.0/24', '--subnet', '10.81.0.0/24'], /10\.8[01]\.0\.0/],
		[
			'two gateways for one subnet',
			['--subnet', '10.80.0.0/24', '--gateway', '10.80.0.1', '--gateway', '10.80.0.2'],
			/gateway/,
		],
		['a subnet that is none', ['--subnet', '10.300.0.0/24'], /10\.300\.0\.0/],
		['a gateway outside of the subnet', ['--subnet', '10.80.0.0/24', '--gateway', '10.81.0.1'], /10\.81\.0\.1/],
		['a range outside of the subnet', ['--subnet', '10.80.0.0/24', '--ip-range', '10.81.0.0/28'], /10\.81\.0\.0/],
	]
	/** From 28 on Docker takes the labels as the flags that they stand for. */
	const labels: typeof refusals = [
		['IPv6 by a label without the flag', ['-o', 'com.docker.network.enable_ipv6=true'], /enable_ipv6="true".*--ipv6/],
		['no IPv4 where Docker cannot leave it out', ['-o', 'com.docker.network.enable_ipv4=false'], /enable_ipv4="false"/],
	]
	const flags: typeof refusals = [['a network without any family', ['--ipv4=false'], /IPv4 or IPv6/]]
	for (const [title, options, expected] of [...refusals, ...(isSince(engine, 28) ? flags : labels)]) {
		it(`refuses ${title}`, () => assertRefused([...CREATE, ...options, 'bad'], expected))
	}

	it("ignores Docker's labels that it does not know", async () => {
		await createNetwork(host, 'labels', '-o', 'com.docker.network.something.new=1')
		await host.docker('network', 'rm', 'labels')
	})

	it('refuses a pool that overlaps with another, and takes the one beside it', async () => {
		await createNetwork(host, 'first', '--subnet', '10.82.0.0/24')
		const before = await footprint(host)
		await assertRefused([...CREATE, '--subnet', '10.82.0.128/25', 'bad'], /10\.82\.0\.(128|0)/, before)
		await assertRefused([...CREATE, '--subnet', '10.82.0.0/16', 'bad'], /10\.82\.0\.0/, before)
		await createNetwork(host, 'beside', '--subnet', '10.82.1.0/24')
		await host.docker('network', 'rm', 'first', 'beside')
	})

	it('refuses a bridge that another network has', async () => {
		await createNetwork(host, 'owner', '-o', 'com.docker.network.bridge.name=brook')
		const before = await footprint(host)
		await assertRefused([...CREATE, '-o', 'com.docker.network.bridge.name=brook', 'bad'], /brook/, before)
		await host.docker('network', 'rm', 'owner')
	})

	it('refuses a container when the pool is full, and takes it when there is room again', async () => {
		await createNetwork(host, 'tiny', '--subnet', '10.83.0.0/30')
		await runContainer(host, 'tiny-1', 'tiny')
		const before = await footprint(host)
		const options = ['run', '-d', '--name', 'tiny-2', '--net', 'tiny', IMAGE]
		const complaint = await leavesNothing(options, /10\.83\.0\.0\/30|tiny/, before)
		assert.match(complaint, /full|no .*address|exhausted|free/i)
		await host.docker('rm', '-f', 'tiny-1', 'tiny-2')
		await runContainer(host, 'tiny-2', 'tiny')
		await host.docker('rm', '-f', 'tiny-2')
		await host.docker('network', 'rm', 'tiny')
	})

	it('refuses a fixed address outside of the pool', async () => {
		await createNetwork(host, 'fixed', '--subnet', '10.84.0.0/24')
		const before = await footprint(host)
		const run = (ip: string) => ['run', '--rm', '--net', 'fixed', '--ip', ip, IMAGE, 'true']
		await leavesNothing(run('10.85.0.7'), /10\.85\.0\.7|subnet/, before)
		await leavesNothing(run('10.84.0.1'), /10\.84\.0\.1/, before)
		await host.docker('network', 'rm', 'fixed')
	})
})
