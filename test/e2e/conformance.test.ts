/** The protocol's conformance suite on the real daemon and the real kernel, without dockerd. */

import { it } from 'node:test'
import { cnmConformance } from '../contract/cnm-conformance.ts'
import { noHost, startHost } from '../support/host.ts'
import { recordsOf } from '../support/records.ts'

const reason = noHost()
if (reason === false) {
	cnmConformance('weftd', async () => {
		const host = await startHost({ dockerd: false })
		return {
			socketPath: host.path('/run/docker/plugins/weft.sock'),
			records: () => recordsOf(host.path('/run/weft/admin.sock')),
			stop: () => host.stop(),
		}
	})
} else {
	it("weftd speaks Docker's plugin protocol", { skip: reason })
}
