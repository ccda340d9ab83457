/** A host on which weftd finds no libnftables: it makes rules with the nft program, and what else is told there. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Status } from '../../src/admin/api.ts'
import { AdminClient } from '../../src/cli/client.ts'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { outsideOf, type Server, serve } from '../support/traffic.ts'
import { type Footprint, footprint } from './footprint.ts'
import { assertCleanUp, assertTalking, PORT, removePair, setUpPair } from './pair.ts'
import { repaired } from './repaired.ts'

/** A library that cannot be loaded, for all but the nft program, which needs the real one. */
const FOLDER = '/run/without-library'
const HIDE = `
mkdir ${FOLDER}
: >${FOLDER}/libnftables.so.1
printf '#!/bin/sh\\nunset LD_LIBRARY_PATH\\nexec /usr/sbin/nft "$@"\\n' >${FOLDER}/nft
chmod +x ${FOLDER}/nft
`
const ENV = {
	LD_LIBRARY_PATH: FOLDER,
	PATH: `${FOLDER}:/usr/sbin:/usr/bin:/sbin:/bin`,
	// The look every five minutes comes after five seconds.
	NODE_OPTIONS: `--import=${new URL('../support/hasten.js', import.meta.url).href}`,
}

const FLUSH = 'iptables -F DOCKER-USER && iptables -A DOCKER-USER -j RETURN'

describe('weftd without libnftables', { skip: noHost() }, () => {
	let host: Host
	let server: Server | undefined
	let clean: Footprint

	before(async () => {
		host = await startHost({ weftd: false })
		await host.exec(['sh', '-ec', HIDE])
		await host.startWeftd(ENV)
		server = await serve(outsideOf(host), 'tcp', PORT)
		await setUpPair(host)
		await removePair(host)
		clean = await footprint(host)
	})
	after(async () => {
		await server?.stop()
		await host?.stop()
	})

	it('says so, and makes networks', async () => {
		const status = await new AdminClient(host.path('/run/weft/admin.sock')).get<Status>('/status')
		assert.equal(status.host.nftables, 'nft program')
		assert.match(host.weftd.log, /libnftables1; using the nft program/)
		await setUpPair(host)
		await assertTalking(host)
	})

	it('hears of changes in the way through iptables, and finds those of its own tables when it looks at everything', async () => {
		await repaired(host, () => host.exec(['sh', '-c', FLUSH]), /put the rule into iptables-nft DOCKER-USER/)
		await host.exec(['nft', 'delete', 'table', 'inet', 'weft'])
		const found = () => /"repairs":2,"msg":"[^"]*made weft's tables anew/.test(host.weftd.log)
		await eventually(found, { what: () => host.weftd.tail(5), within: 30_000 })
		assert.doesNotMatch(host.weftd.log, /because nft deleted/)
		await assertTalking(host)
	})

	it('comes back, and leaves nothing behind', async () => {
		await host.killWeftd()
		await host.exec(['nft', 'flush', 'table', 'inet', 'weft'])
		await host.startWeftd(ENV)
		await assertTalking(host)
		await assertCleanUp(host, clean)
	})
})
