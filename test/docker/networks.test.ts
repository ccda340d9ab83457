/** What is read of Docker's answers about networks. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { bridgeNames, dockerEndpoints, dockerNetworks, engineName } from '../../src/docker/networks.ts'

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

it('a network has the fields that are read of it, whatever is missing', async () => {
	const get = async () => [
		{ Id: 'a', Name: 'front', Driver: 'weft', Scope: 'local', IPAM: { Driver: 'weft', Config: [] } },
		{
			Id: 'b',
			Driver: 'bridge',
			Scope: 'swarm',
			IPAM: {
				Driver: 'default',
				Config: [
					{ Subnet: '10.1.0.0/16', IPRange: '10.1.4.0/24', Gateway: '10.1.0.1', AuxiliaryAddresses: { x: '10.1.0.9' } },
					{ Subnet: 'fd00::/64' },
				],
			},
		},
		{ Id: 'c', Driver: 'null', Scope: 'local', IPAM: null },
	]
	const plain = { isSwarms: false, subnets: [], ranges: [], reserved: [] }
	assert.deepEqual(await dockerNetworks({ get }), [
		{ id: 'a', name: 'front', driver: 'weft', ipamDriver: 'weft', ...plain },
		{
			id: 'b',
			name: '',
			driver: 'bridge',
			ipamDriver: 'default',
			isSwarms: true,
			subnets: ['10.1.0.0/16', 'fd00::/64'],
			ranges: ['10.1.4.0/24'],
			reserved: ['10.1.0.1', '10.1.0.9', ''],
		},
		{ id: 'c', name: '', driver: 'null', ipamDriver: '', ...plain },
	])
})

it('a network without an id, an engine without a name and a network without a list of members are refused', async () => {
	await assert.rejects(dockerNetworks({ get: async () => [{}] }), /without an id/)
	await assert.rejects(engineName({ get: async () => ({ ID: 'x' }) }), /which engine/)
	await assert.rejects(dockerEndpoints({ get: async () => ({}) }, 'n'), /who is on network n/)
	assert.equal(await engineName({ get: async () => ({ ID: 'x', DockerRootDir: '/y' }) }), 'x /y')
	const Containers = { c: { EndpointID: 'e', IPv4Address: '10.0.0.2/24', IPv6Address: '' } }
	assert.deepEqual(await dockerEndpoints({ get: async () => ({ Containers }) }, 'n'), {
		ids: ['e'],
		addresses: ['10.0.0.2/24', ''],
	})
})
