/** What is read of Docker's answers about networks. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bridgeNames } from '../../src/docker/networks.ts'

/** Asks somebody who always says this. */
function asked(answer: unknown) {
	const paths: string[] = []
	const get = async (path: string): Promise<unknown> => {
		paths.push(decodeURIComponent(path))
		return answer
	}
	return { paths, names: bridgeNames({ get }) }
}

it('bridges have the names that their networks were given', async () => {
	const name = 'com.docker.network.bridge.name'
	const { paths, names } = asked([
		{ Name: 'bridge', Options: { [name]: 'docker0', 'com.docker.network.driver.mtu': '1500' } },
		{ Name: 'plain', Options: {} },
		{ Name: 'older', Options: null },
		{ Name: 'own', Options: { [name]: 'whatever' } },
	])
	assert.deepEqual(await names, ['docker0', 'whatever'])
	assert.deepEqual(paths, ['/networks?filters={"driver":["bridge"]}'])
})

it('what is no list of networks is refused, and what is none is passed over', async () => {
	await assert.rejects(asked({ message: 'page not found' }).names, /answers without a list of networks/)
	assert.deepEqual(await asked([null, 7, { Options: { 'com.docker.network.bridge.name': 7 } }]).names, [])
})
