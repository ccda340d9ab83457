/** What is read of Docker's answers about containers. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { containerPid, dockerContainers } from '../../src/docker/containers.ts'

const WEB = {
	Id: 'c1',
	Names: ['/other/alias', '/web'],
	State: 'running',
	HostConfig: { NetworkMode: 'shop' },
	NetworkSettings: { Networks: { shop: { NetworkID: 'n1' }, back: { NetworkID: 'n2' } } },
}

function docker(listed: unknown, inspected: unknown = {}) {
	return { get: async (path: string) => (path === '/containers/json?all=1' ? listed : inspected) }
}

it('a container has its name, whether it runs, and its networks', async () => {
	const paused = { Id: 'c2', Names: ['/db'], State: 'paused' }
	assert.deepEqual(await dockerContainers(docker([WEB, paused, { ...paused, State: 'exited' }])), [
		{ id: 'c1', name: 'web', running: true, networkMode: 'shop', networks: ['n1', 'n2'] },
		{ id: 'c2', name: 'db', running: true, networkMode: '', networks: [] },
		{ id: 'c2', name: 'db', running: false, networkMode: '', networks: [] },
	])
})

it('what is no list of containers, or one without an id, is refused', async () => {
	await assert.rejects(dockerContainers(docker({})), /without a list of containers/)
	await assert.rejects(dockerContainers(docker([{ ...WEB, Id: '' }])), /lists a container without an id/)
})

it('a container that runs has a process, and no other', async () => {
	const inspected = { State: { Pid: 7 } }
	assert.equal(await containerPid(docker([WEB], inspected), 'c1'), 7)
	assert.equal(await containerPid(docker([WEB], inspected), 'c2'), undefined)
	assert.equal(await containerPid(docker([{ ...WEB, State: 'exited' }], inspected), 'c1'), undefined)
	for (const pid of [0, '7', undefined]) {
		assert.equal(await containerPid(docker([WEB], { State: { Pid: pid } }), 'c1'), undefined)
	}
})
