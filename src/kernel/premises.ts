/** Where a kernel works, as far as its sockets do not say it: on this host, or in the namespace of a container. */
import { HERE, type Visit } from './netns.ts'
import type { PassthruLink } from './resource.ts'
import { openOwnSockets } from './sandboxes.ts'
import type { Sockets } from './verbs.ts'

export interface Premises {
	/** For files and sockets of the namespace. */
	readonly visit: Visit
	/** The folder of the namespace's lists of sockets. */
	readonly lists: string
	openSockets(): Sockets
	/** Makes a link of the host's one of this namespace. @throws WeftError also where there is no such link */
	addPassthru(link: PassthruLink): Promise<void>
}

export const ON_HOST: Premises = {
	visit: HERE,
	lists: '/proc/net',
	openSockets: openOwnSockets,
	addPassthru: ({ name }) => Promise.reject(new Error(`${name} is a link of this host itself`)),
}
