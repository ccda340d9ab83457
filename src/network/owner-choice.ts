/** Which container owns a network of mode container, and why it may not. Pure. */
import { isShared, type Network } from '../model/network.ts'

/** As `docker/containers.ts` reads them. */
export interface Container {
	readonly id: string
	readonly name: string
	readonly running: boolean
	readonly networkMode: string
	readonly networks: readonly string[]
}

/** How the owner of a network stands: `missing` and `unfit` are refused, and `stopped` is waited for. */
export type Standing =
	| { readonly state: 'running' | 'stopped'; readonly id: string; readonly why: string }
	| { readonly state: 'missing' | 'unfit' | 'unknown'; readonly why: string }

export function standingOf(wanted: string, containers: readonly Container[], networks: readonly Network[]): Standing {
	const found = findContainer(wanted, containers)
	if (found === undefined)
		return { state: 'missing', why: `there is no container ${JSON.stringify(wanted)} on this host` }
	const { id, name, running } = found
	const why = unfitness(found, containers, networks)
	if (why !== undefined) return { state: 'unfit', why: `container ${name} ${why}` }
	return running
		? { state: 'running', id, why: `container ${name} is running` }
		: { state: 'stopped', id, why: `container ${name} is not running` }
}

/** What an id is shortened to is no name that somebody gave: so many hexadecimal digits, as `docker ps` shows them, at least. */
const SHORT_ID = /^[0-9a-f]{12,}$/

/**
 * By its id, its name, or what only its id begins with, where that is long. Docker takes less for a call of one moment; this is looked
 * for again and again, and while a named container is away no other one whose id begins so is to have its place.
 */
function findContainer(wanted: string, containers: readonly Container[]): Container | undefined {
	const exact = containers.find(({ id }) => id === wanted) ?? containers.find(({ name }) => name === wanted)
	if (exact !== undefined || !SHORT_ID.test(wanted)) return exact
	const [only, other] = containers.filter(({ id }) => id.startsWith(wanted))
	return other === undefined ? only : undefined
}

/** What it shares itself it has from somebody else, and cannot share with others; so nobody ever shares in a circle. */
function unfitness(
	{ networkMode, networks: ids }: Container,
	containers: readonly Container[],
	networks: readonly Network[],
): string | undefined {
	if (networkMode === 'host') return 'has the network of this host (--net host): mode host shares that'
	if (networkMode.startsWith('container:')) {
		const other = findContainer(networkMode.slice('container:'.length), containers)
		return `has the network of another container (--net container:…): name that one${other === undefined ? '' : `, ${other.name}`}`
	}
	const shared = networks.find((each) => ids.includes(each.id) && isShared(each))
	if (shared === undefined) return undefined
	const { options } = shared
	const whose = options.mode === 'container' ? `container, which shares container ${options.container}` : options.mode
	return `is itself on network ${shared.id.slice(0, 12)} of mode ${whose}`
}
