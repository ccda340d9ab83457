/** What Docker tells of containers, and when there is something new of them. */
import { isCode, WeftError } from '../errors.ts'
import { fieldOf, listOf, nameOf, text } from './answers.ts'
import type { DockerClient } from './client.ts'

/** One container, running or not. */
export interface DockerContainer {
	readonly id: string
	readonly name: string
	/** Also while it is paused. */
	readonly running: boolean
	/** As `--net` was given: `host`, `container:ID`, or the network that it began with. */
	readonly networkMode: string
	/** Ids of the networks that it is on, or is to be on when it starts. */
	readonly networks: readonly string[]
}

/** After any of these a container may run that did not, or the other way round, or be called or connected otherwise. */
const EVENTS = ['create', 'start', 'die', 'destroy', 'rename', 'connect', 'disconnect']
const FILTERS = encodeURIComponent(JSON.stringify({ type: ['container', 'network'], event: EVENTS }))

/** All that there are. `patience` in milliseconds. @throws WeftError `system` where Docker does not answer in time */
export async function dockerContainers(
	docker: Pick<DockerClient, 'get'>,
	patience?: number,
): Promise<DockerContainer[]> {
	return listOf(await docker.get('/containers/json?all=1', patience), 'containers').map(containerOf)
}

/** Of the first process, as this host's root sees it; undefined of a container that does not run, or is gone. */
export async function containerPid(docker: Pick<DockerClient, 'get'>, id: string): Promise<number | undefined> {
	const container = await docker.get(`/containers/${encodeURIComponent(id)}/json`).catch((error: unknown) => {
		if (!isCode(error, 'not-found')) throw error
	})
	const pid = fieldOf(fieldOf(container, 'State'), 'Pid')
	return typeof pid === 'number' && pid > 0 ? pid : undefined
}

/**
 * Calls `heard` once when Docker has begun to tell, and each time that there may be something new. Returns when Docker ends
 * it, or `ending` does. @throws WeftError `system` where Docker cannot be asked
 */
export function followContainers(
	docker: Pick<DockerClient, 'follow'>,
	heard: () => void,
	ending: AbortSignal,
): Promise<void> {
	return docker.follow(`/events?filters=${FILTERS}`, heard, ending)
}

function containerOf(container: unknown): DockerContainer {
	const id = text(fieldOf(container, 'Id'))
	// One that is passed over would be taken for gone.
	if (id === '') throw new WeftError('system', 'Docker lists a container without an id')
	const networks = Object(fieldOf(fieldOf(container, 'NetworkSettings'), 'Networks'))
	return {
		id,
		name: nameOf(container),
		running: ['running', 'paused'].includes(text(fieldOf(container, 'State'))),
		networkMode: text(fieldOf(fieldOf(container, 'HostConfig'), 'NetworkMode')),
		networks: Object.values(networks).map((each) => text(fieldOf(each, 'NetworkID'))),
	}
}
