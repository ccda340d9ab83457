/** What is read of Docker's answers about names. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { dockerNames, engineVersion } from '../../src/docker/names.ts'

function asked(answers: Record<string, unknown>) {
	return dockerNames({ get: async (path) => answers[path] })
}

it('networks have their names, and endpoints those of the containers that have them', async () => {
	const { networks, containers } = await asked({
		'/networks': [{ Id: 'n1', Name: 'front' }, { Id: 'n2', Name: 'back' }, null],
		'/containers/json': [
			{
				Names: ['/other/alias', '/web'],
				NetworkSettings: { Networks: { a: { EndpointID: 'e1' }, b: { EndpointID: 'e2' } } },
			},
			{ Names: ['/db'], NetworkSettings: { Networks: { a: { EndpointID: 'e3' } } } },
			{ Names: null, NetworkSettings: { Networks: { a: { EndpointID: 'e4' } } } },
			{ Names: ['/alone'], NetworkSettings: null },
			7,
		],
	})
	assert.deepEqual([networks.get('n1'), networks.get('n2')], ['front', 'back'])
	assert.deepEqual(
		[...containers],
		[
			['e1', 'web'],
			['e2', 'web'],
			['e3', 'db'],
		],
	)
})

it('the engine has its version, and one without is refused', async () => {
	const engine = (answer: unknown) => engineVersion({ get: async (path) => (path === '/version' ? answer : undefined) })
	assert.equal(await engine({ Version: '28.5.2' }), '28.5.2')
	for (const answer of [{}, { Version: 28 }, null]) await assert.rejects(engine(answer), /does not say its version/)
})

it('answers that are no lists are refused', async () => {
	await assert.rejects(asked({ '/networks': {}, '/containers/json': [] }), /without a list of networks/)
	await assert.rejects(asked({ '/networks': [], '/containers/json': {} }), /without a list of containers/)
})
