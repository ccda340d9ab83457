/** The conformance suite on the server above verbs in memory: whatever fails here is a fault of the translation. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { buildServer } from '../../src/cnm/server.ts'
import { listenOnSocket } from '../../src/listen.ts'
import { cnmConformance } from '../contract/cnm-conformance.ts'
import { fakeIpam, fakeNetworks } from '../support/fake-verbs.ts'

cnmConformance('the server', async () => {
	const directory = await mkdtemp(join(tmpdir(), 'weft-cnm-'))
	const server = buildServer({
		network: fakeNetworks(),
		ipam: fakeIpam(),
		ready: async () => undefined,
		scope: 'local',
		logger: pino({ level: 'silent' }),
		activated: () => undefined,
	})
	const socketPath = join(directory, 'weft.sock')
	const close = await listenOnSocket(server, socketPath)
	return {
		socketPath,
		stop: async () => {
			await close()
			await rm(directory, { recursive: true })
		},
	}
})
