/** Which links are Docker's own bridges, and the elements that keep weft's networks apart from them. */
import type { Kernel } from './kernel.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { LinkListener } from './netlink/link-monitor.ts'
import type { Element } from './resource.ts'

/** Docker's default bridge, its gateway bridge, and br- with the first 12 digits of a network's id. */
const NAMES = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/

export function isDockerName(link: string): boolean {
	return NAMES.test(link)
}

/** The elements for those of these links that are Docker's bridges. */
export function dockerBridges(links: readonly Pick<LinkInfo, 'name' | 'kind'>[]): Element[] {
	return links
		.filter(({ name, kind }) => kind === 'bridge' && isDockerName(name))
		.map(({ name }) => ({ kind: 'element', set: 'docker_bridges', key: [name] }))
}

/** Follows Docker's bridges as they come and go, from the moment on when `restored` has put in those that are there. */
export function followDockerBridges(
	kernel: Kernel,
	links: () => Promise<readonly LinkInfo[]>,
	restored: Promise<void>,
	warn: (error: unknown, message: string) => void,
): LinkListener {
	let last: Promise<void> = restored.catch(() => undefined)
	const next = (work: () => Promise<void>): void => {
		last = last.then(work).catch((error: unknown) => warn(error, 'a bridge of Docker is not kept apart'))
	}
	const each = (link: LinkInfo, effect: (elements: Element[]) => Promise<void>): void => {
		const elements = dockerBridges([link])
		if (elements.length > 0) next(() => effect(elements))
	}
	return {
		changed: (link) => each(link, (elements) => kernel.ensure(elements)),
		gone: (link) => each(link, (elements) => kernel.remove(elements)),
		lost: () => next(async () => kernel.ensure(dockerBridges(await links()))),
	}
}
