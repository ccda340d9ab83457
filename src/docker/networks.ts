/** What Docker tells of its networks. */
import { WeftError } from '../errors.ts'
import type { DockerClient } from './client.ts'

const NAME = 'com.docker.network.bridge.name'
const OF_BRIDGES = encodeURIComponent(JSON.stringify({ driver: ['bridge'] }))

/** The names of bridges that Docker's networks were given; may take as long as dockerd hangs. */
export async function bridgeNames(docker: Pick<DockerClient, 'get'>): Promise<string[]> {
	const networks = await docker.get(`/networks?filters=${OF_BRIDGES}`)
	if (!Array.isArray(networks)) throw new WeftError('system', 'Docker answers without a list of networks')
	return networks.map((each) => each?.Options?.[NAME]).filter((name) => typeof name === 'string')
}
