/** What weft is held against: by row of the tables, a ratio to Docker's driver, or a figure of weft's own. */

interface Bounded {
	/** The name of a row. */
	readonly row: string
	/** Its ratio, or its median of weft. */
	readonly of: 'ratio' | 'weft'
	/** Where it is missed: what stands in the way, with its profile in docs/benchmarks.md. */
	readonly why?: string
}
export type Target = Bounded & ({ readonly atMost: number } | { readonly atLeast: number })

const MOVE = 'Docker’s move of the link is most of both: see “One connect”.'
const DELETION = 'What the kernel does before a link is gone is most of what is left: see “One disconnect”.'
const PACKET = 'Rules are a small part of what a packet takes: see “One packet”.'
const START =
	'What runc and dockerd take is in “none” and “idle plugin”; weftd adds its share while starting containers have the CPUs.'

export const TARGETS: readonly Target[] = [
	{ row: 'connect', of: 'ratio', atMost: 0.95, why: MOVE },
	{ row: 'disconnect', of: 'ratio', atMost: 0.55, why: DELETION },
	{ row: 'connect 20 at once', of: 'ratio', atMost: 0.3 },
	{ row: 'disconnect 20 at once', of: 'ratio', atMost: 0.45 },
	{ row: 'connect, macvlan', of: 'ratio', atMost: 1, why: MOVE },
	{ row: 'disconnect, macvlan', of: 'ratio', atMost: 0.7, why: DELETION },
	{ row: 'run --rm', of: 'ratio', atMost: 0.97, why: START },
	{ row: 'start 10 at once', of: 'ratio', atMost: 0.88, why: START },
	{ row: 'start 50 at once', of: 'ratio', atMost: 0.88, why: START },
	...[
		'container to container',
		'container to outside',
		'published port from outside',
		'published port over 127.0.0.1',
	].flatMap((way): Target[] => [
		{ row: `1 stream, ${way}`, of: 'ratio', atLeast: 1, why: PACKET },
		{ row: `8 streams, ${way}`, of: 'ratio', atLeast: 1, why: PACKET },
		{ row: `TCP_RR, ${way}`, of: 'ratio', atLeast: 1, why: PACKET },
	]),
	{ row: 'new connections, published port from outside, among 5,000 ports', of: 'ratio', atLeast: 1.2 },
	{ row: 'Join, p50', of: 'weft', atMost: 1.5 },
	{ row: 'Join, p99', of: 'weft', atMost: 10 },
	{ row: 'weftd serves, with 0 endpoints', of: 'weft', atMost: 400 },
	{ row: 'weftd serves, with 10,000 endpoints', of: 'weft', atMost: 2000 },
	{ row: 'managed plugin serves, from the start of its process', of: 'weft', atMost: 500 },
	{ row: 'resident memory, with 0 endpoints', of: 'weft', atMost: 90 },
	{ row: 'resident memory, with 10,000 endpoints', of: 'weft', atMost: 200 },
	{ row: 'the last of 1,000 networks to the first', of: 'weft', atMost: 1.5 },
	{ row: 'weftd has all restored, with 1,000 networks', of: 'weft', atMost: 3000 },
	{ row: 'addresses, in memory', of: 'weft', atLeast: 200_000 },
]

export function isMet(target: Target, value: number): boolean {
	return 'atMost' in target ? value <= target.atMost : value >= target.atLeast
}

/** As the tables have it: of a ratio the number alone. */
export function bound(target: Target): string {
	return 'atMost' in target ? `<= ${target.atMost}` : `>= ${target.atLeast}`
}
