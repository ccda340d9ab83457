/** The example of ipvlan for compose, on a kernel that has it. Runs in compose-vm.test.ts. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inside, PAGE, startExamplesHost, WGET, withExample } from '../e2e/examples.ts'
import { footprint } from '../e2e/footprint.ts'
import { addressOf } from '../e2e/networks.ts'
import { noCompose } from '../support/compose.ts'
import type { Host } from '../support/host.ts'
import { HOST_V4 } from '../support/host-namespaces.ts'

describe('the example for compose', { skip: noCompose() }, () => {
	let host: Host
	before(async () => {
		host = await startExamplesHost()
	})
	after(() => host?.stop())

	it('ipvlan: the service is reached by its name, and from others on eth0 that have a route to it by this host', async () => {
		await host.outside(['ip', 'route', 'add', '10.9.0.0/24', 'via', HOST_V4])
		await withExample(host, 'ipvlan', await footprint(host), async () => {
			assert.match(await inside(host, 'ipvlan', 'client', 'wget', '-q', '-O', '-', 'http://web/passwd'), PAGE)
			const address = await addressOf(host, 'ipvlan_web_1', 'ipvlan_routed')
			assert.match(address, /^10\.9\.0\./)
			assert.match(await host.outside([...WGET, `http://${address}/passwd`]), PAGE)
		})
	})
})
