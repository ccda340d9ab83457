/** What a weftd that serves may still do, thread by thread, and what the programs that it starts may. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'

/** CAP_DAC_READ_SEARCH, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_PTRACE, CAP_SYS_ADMIN. */
const OF_MAIN = '0000000000283404'
/** Without the last. */
const OF_POOL = '0000000000083404'
/** Without the first and the last two. */
const OF_PROGRAMS = '0000000000003400'
const POOL = 6

interface Capabilities {
	readonly CapEff: string
	readonly CapPrm: string
	readonly CapInh: string
	readonly CapAmb: string
	readonly CapBnd: string
}

function capabilitiesIn(status: string): Capabilities {
	return Object.fromEntries(Array.from(status.matchAll(/^(Cap\w+):\s+(\w+)$/gm), ([, name, set]) => [name, set]))
}

describe('weftd', { skip: noHost() }, () => {
	let host: Host
	let folder: string
	before(async () => {
		host = await startHost({ dockerd: false, env: { UV_THREADPOOL_SIZE: String(POOL) } })
		const pid = (await host.exec(['cat', '/run/weftd.test-pid'])).trim()
		folder = host.path(`/proc/${pid}/task`)
	})
	after(() => host?.stop())

	async function threads(): Promise<Capabilities[]> {
		const ids = await readdir(folder)
		return Promise.all(ids.map(async (id) => capabilitiesIn(await readFile(`${folder}/${id}/status`, 'utf8'))))
	}

	it('has none but what it needs, where its own code runs, and leaves less to programs', async () => {
		const pool = async () => (await threads()).filter(({ CapEff, CapPrm }) => CapEff === OF_POOL && CapPrm === OF_POOL)
		await eventually(async () => (await pool()).length === POOL, { what: `${POOL} threads of the pool` })
		const [main] = await threads()
		const none = '0'.repeat(16)
		assert.deepEqual(main, { CapEff: OF_MAIN, CapPrm: OF_MAIN, CapInh: none, CapAmb: none, CapBnd: OF_PROGRAMS })
	})
})
