/** What Docker calls networks, the containers that run on them, and itself. */
import { WeftError } from '../errors.ts'
import { fieldOf, listOf, nameOf, text } from './answers.ts'
import type { DockerClient } from './client.ts'

/** Milliseconds that a person waits for names: dockerd may hang, and an answer without them is an answer too. */
const PATIENCE = 1000

export interface DockerNames {
	/** Of networks, by id. */
	readonly networks: ReadonlyMap<string, string>
	/** Of containers, by the id of their endpoint. */
	readonly containers: ReadonlyMap<string, string>
}

/** @throws WeftError `system` where Docker does not answer in time, or not with lists */
export async function dockerNames(docker: Pick<DockerClient, 'get'>): Promise<DockerNames> {
	const [networks, containers] = await Promise.all([
		docker.get('/networks', PATIENCE),
		docker.get('/containers/json', PATIENCE),
	])
	return {
		networks: new Map(
			listOf(networks, 'networks').map((each) => [text(fieldOf(each, 'Id')), text(fieldOf(each, 'Name'))]),
		),
		containers: new Map(listOf(containers, 'containers').flatMap(endpointsOf)),
	}
}

/** @throws WeftError `system` where Docker does not answer in time, or without a version */
export async function engineVersion(docker: Pick<DockerClient, 'get'>): Promise<string> {
	const version = text(fieldOf(await docker.get('/version', PATIENCE), 'Version'))
	if (version === '') throw new WeftError('system', 'Docker does not say its version')
	return version
}

function endpointsOf(container: unknown): [string, string][] {
	const name = nameOf(container)
	const networks = Object(fieldOf(fieldOf(container, 'NetworkSettings'), 'Networks'))
	return name === '' ? [] : Object.values(networks).map((each) => [text(fieldOf(each, 'EndpointID')), name])
}
