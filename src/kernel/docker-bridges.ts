/** Which links are Docker's own bridges, so that weft's networks are kept apart from them. Pure. */
import type { LinkInfo } from './netlink/link.ts'
import type { Element } from './resource.ts'

/** Docker's default bridge, its gateway bridge, and br- with the first 12 digits of a network's id. */
const NAMES = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/

export function isDockerBridge(link: Pick<LinkInfo, 'name' | 'kind'>): boolean {
	return link.kind === 'bridge' && NAMES.test(link.name)
}

export function dockerBridges(links: readonly LinkInfo[]): Element[] {
	return links.filter(isDockerBridge).map(({ name }) => ({ kind: 'element', set: 'docker_bridges', key: [name] }))
}
