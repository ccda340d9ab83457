/** What is read of Docker's answers about containers. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { containerPid, dockerContainers } from '../../src/docker/containers.ts'
import { WeftError } from '../../src/errors.ts'

const WEB = {
	Id: 'c1',
	Names: ['/other/alias', '/web'],
	State: 'running',
	HostConfig: { NetworkMode: 'shop' },
	NetworkSettings: { Networks: { shop: { NetworkID: 'n1' }, back: { NetworkID: 'n2' } } },
}

function docker(listed: unknown) {
	return { get: async () => listed }
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

it('a container that runs has a process, and no other, for which one question is asked', async () => {
	const asked: string[] = []
	const pidOf = (Pid: unknown) => {
		const get = async (path: string) => {
			asked.push(path)
			return { State: { Pid } }
		}
		return containerPid({ get }, 'c1')
	}
	assert.equal(await pidOf(7), 7)
	for (const none of [0, '7', undefined]) assert.equal(await pidOf(none), undefined)
	assert.deepEqual([...new Set(asked), asked.length], ['/containers/c1/json', 4])
})

it('a container that is gone has no process, and of one that Docker does not tell of nobody knows', async () => {
	const failing = (code: 'not-found' | 'system') => ({ get: () => Promise.reject(new WeftError(code, 'no')) })
	assert.equal(await containerPid(failing('not-found'), 'c1'), undefined)
	await assert.rejects(containerPid(failing('system'), 'c1'), /no/)
})
