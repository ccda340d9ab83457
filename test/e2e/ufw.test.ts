/** A host with ufw, which drops what is forwarded: weft's packets pass behind ufw's own rules, which keep their say. */

import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { installFirewalls, noFirewalls } from '../support/firewalls.ts'
import { type Host, startHost } from '../support/host.ts'
import { HOST_V4, INTERNET_V4, OUTSIDE_V4 } from '../support/host-namespaces.ts'
import { IMAGE, loadImage } from '../support/image.ts'
import { assertReaches, inContainer, onHost, outsideOf, reaches, type Server, serve } from '../support/traffic.ts'
import { addressOf } from './networks.ts'
import { assertTalking, PORT, removePair, setUpPair } from './pair.ts'
import { PROMISE } from './repaired.ts'

async function startUfwHost(dockerdArgs: readonly string[]): Promise<Host> {
	const host = await startHost({ dockerd: false, weftd: false, dockerdArgs })
	await installFirewalls(host)
	await host.startWeftd()
	await host.startDockerd()
	await loadImage(host)
	return host
}

for (const [what, dockerdArgs, chain] of [
	['of which Docker keeps off', ['--iptables=false'], 'FORWARD'],
	['beside Docker', [], 'DOCKER-USER'],
] as const) {
	describe(`a host with ufw, ${what}`, { skip: noFirewalls() }, () => {
		let host: Host
		const servers: Server[] = []

		before(async () => {
			host = await startUfwHost(dockerdArgs)
			servers.push(await serve(outsideOf(host), 'tcp', PORT), await serve(onHost(host), 'tcp', PORT))
			await setUpPair(host)
			await host.exec(['ufw', '--force', 'enable'])
			assert.match(await host.exec(['iptables', '-S']), /^-P FORWARD DROP$/m)
			await ruleIsThere()
			await removePair(host)
		})
		afterEach(() => removePair(host))
		after(async () => {
			await Promise.all(servers.map((server) => server.stop()))
			await host?.stop()
		})

		/** The lines of FORWARD's way. */
		async function rules(): Promise<string[]> {
			const lines = (await host.exec(['iptables-save', '-t', 'filter'])).split('\n')
			return lines.filter((line) => line.startsWith('-A FORWARD ') || line.startsWith('-A DOCKER-USER '))
		}

		function ruleIsAmong(where: string): Promise<void> {
			const isOurs = (line: string): boolean => line.startsWith(`-A ${where} `) && line.includes('--comment weft')
			return eventually(async () => (await rules()).some(isOurs), { within: PROMISE })
		}

		function ruleIsThere(): Promise<void> {
			return ruleIsAmong(chain)
		}

		it('lets containers out and in through published ports, which it does not without weft’s rule', async () => {
			await setUpPair(host)
			await ruleIsThere()
			await assertTalking(host)

			const one = await inContainer(host, 'one')
			await host.killWeftd()
			const [ours = ''] = (await rules()).filter((line) => line.includes('--comment weft'))
			await host.exec(['iptables', ...ours.replace('-A', '-D').split(' ')])
			assert.ok(!(await reaches(one, 'tcp', INTERNET_V4, PORT)))
			await host.startWeftd()
			await ruleIsThere()
			await assertTalking(host)
		})

		it('is opened no further: neither its own ports nor those that are not published', async () => {
			await setUpPair(host)
			await ruleIsThere()
			const one = await inContainer(host, 'one')
			const server = await serve(one, 'tcp', PORT)
			const address = await addressOf(host, 'one', 'net')
			await host.outside(['ip', 'route', 'replace', address, 'via', HOST_V4])
			assert.ok(!(await reaches(outsideOf(host), 'tcp', address, PORT)), 'past the published port')
			await assertReaches(await inContainer(host, 'two'), 'tcp', address, PORT, 'from its own network')
			assert.ok(!(await reaches(one, 'tcp', HOST_V4, PORT)), 'a service of the host')
			await host.exec(['ufw', 'allow', 'proto', 'tcp', 'from', address, 'to', 'any', 'port', String(PORT)])
			await assertReaches(one, 'tcp', HOST_V4, PORT, 'a service of the host that the user has opened')
			await server.stop()
		})

		it('lets containers on Docker’s own bridge reach published ports', async (t) => {
			await setUpPair(host)
			await ruleIsThere()
			const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
			t.after(() => server.stop())
			await host.docker('run', '-d', '--rm', '--name', 'dock', IMAGE)
			t.after(() => host.docker('rm', '-f', 'dock'))
			const dock = await inContainer(host, 'dock')
			await assertReaches(dock, 'tcp', HOST_V4, 8080)
			// Whether they get anywhere else is Docker's business, or the user's.
			assert.equal(await reaches(dock, 'tcp', INTERNET_V4, PORT), chain === 'DOCKER-USER')
		})

		it('lets ufw’s rules for what is routed come first, unless Docker’s come before them', async (t) => {
			await setUpPair(host)
			const server = await serve(await inContainer(host, 'one'), 'tcp', 80)
			t.after(() => server.stop())
			const isPublished = () => reaches(outsideOf(host), 'tcp', HOST_V4, 8080)
			await eventually(isPublished)
			const denied = ['deny', 'proto', 'tcp', 'from', OUTSIDE_V4, 'to', 'any', 'port', '80']
			await host.exec(['ufw', 'route', ...denied])
			assert.equal(await isPublished(), chain === 'DOCKER-USER')
			await host.exec(['ufw', 'route', 'delete', ...denied])
			assert.ok(await isPublished())
		})

		it('lets them pass after ufw reload, also when somebody has flushed FORWARD before', async () => {
			await setUpPair(host)
			await ruleIsThere()
			await host.exec(['ufw', 'reload'])
			await ruleIsThere()
			await assertTalking(host)
			await host.exec(['iptables', '-F', 'FORWARD'])
			await host.exec(['ufw', 'reload'])
			await ruleIsAmong('FORWARD')
			await assertTalking(host)
			assert.match(
				host.weftd.log,
				/"repairs":\d+,"msg":"repaired, because \S+ changed ip filter FORWARD: put the rule into/,
			)
		})
	})
}
