/** What mode none plans: nothing, whatever the network has. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Endpoint, NoneNetwork } from '../../src/model/network.ts'
import { none } from '../../src/modes/none.ts'

const NETWORK: NoneNetwork = {
	id: 'a',
	options: { mode: 'none' },
	internal: false,
	ipv4: [{ pool: '10.210.1.0/24', gateway: '10.210.1.1/24', reserved: {} }],
	ipv6: [],
	settled: true,
}
const ENDPOINT: Endpoint = {
	id: 'b',
	networkId: 'a',
	ipv4: '10.210.1.2/24',
	mac: '02:42:0a:d2:01:02',
	link: 'wvb',
	published: [],
}

it('a network of mode none has nothing in the kernel, no link for containers and no gateway', () => {
	none.validate(NETWORK)
	assert.deepEqual(
		[none.network(NETWORK), none.attached(NETWORK, ENDPOINT), none.published(NETWORK, ENDPOINT)],
		[[], [], []],
	)
	assert.equal(none.link(NETWORK, ENDPOINT), undefined)
	assert.deepEqual(none.attachment(NETWORK, ENDPOINT), { noGatewayService: true })
	assert.deepEqual(none.skipsGateway(NETWORK.options, false), { 4: true, 6: true })
})
