/** What a host's kernel holds that somebody could have left behind: links, addresses, routes, rules of every kind. */

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host } from '../support/host.ts'

/** Milliseconds: longer than weft waits with what it puts off, and for how long it may take. */
const CALM = 200
const PATIENCE = 15_000

/** One line for each thing, sorted. */
export type Footprint = readonly string[]

/** Each prints what lasts: no counters, no indexes, no state of a carrier. */
const LOOKS: readonly (readonly [what: string, command: string])[] = [
	['link', "ip -br link | awk '{print $1}'"],
	// A container's link has a link-local address of its own for some time only.
	['address', 'ip -br addr | awk \'$1 !~ /^(veth|wv)/ {$2 = ""; print}\''],
	['route', 'ip route show table all; ip -6 route show'],
	['rule', 'ip rule; ip -6 rule'],
	['nft', 'nft -s list ruleset'],
	['iptables', 'iptables-nft-save; ip6tables-nft-save'],
	['iptables-legacy', 'iptables-legacy-save 2>/dev/null; ip6tables-legacy-save 2>/dev/null; true'],
]

const OWN_TIME = /^link: wvs|--comment weft -j ACCEPT|chain (DOCKER-USER|FORWARD) \{ meta mark & 0x[23]0000000 /

/** Chains and rules carry the name of their table and chain, so that the order of tables does not matter. */
function located(text: string): string[] {
	let [table, chain] = ['', '']
	return text.split('\n').flatMap((raw) => {
		// Link-local addresses come some time after their link, by themselves.
		const line = raw.replace(/\[\d+:\d+\]|@if\d+|@NONE|linkdown|fe80::\S+/g, '').trimEnd()
		if (
			line === '' ||
			(/fe80::|ff00::/.test(raw) && raw.includes(' dev ')) ||
			line.startsWith('#') ||
			/^(COMMIT|\s*\})$/.test(line)
		)
			return []
		if (/^(table |\*)/.test(line)) [table, chain] = [line, '']
		else if (/^\t(chain|set|map) /.test(line)) chain = line.trim()
		return [`${table} ${chain} ${line.trim()}`.trim()]
	})
}

/** What two looks agree on: some things weft does after it has answered Docker. Fails when no two do. */
export async function footprint(host: Host): Promise<Footprint> {
	const deadline = Date.now() + PATIENCE
	for (let last = await look(host); ; ) {
		await sleep(CALM)
		const now = await look(host)
		const { added, missing } = between(last, now)
		if (added.length + missing.length === 0) return now
		if (Date.now() > deadline) assert.fail(`the host does not come to rest: ${[...added, ...missing].join('; ')}`)
		last = now
	}
}

async function look(host: Host): Promise<Footprint> {
	const looks = await Promise.all(
		LOOKS.map(async ([what, command]) => {
			const lines = located(await host.exec(['sh', '-c', command]))
			return lines.map((line) => `${what}: ${line}`)
		}),
	)
	const lines = looks.flat().sort()
	// While there is a network of weft's, spare pairs and the rule for its packets come in their own time.
	const networks = lines.some((line) => line.startsWith('nft: table inet weft { set bridges { elements = '))
	return networks ? lines.filter((line) => !OWN_TIME.test(line)) : lines
}

/** Fails with what is there now and was not, and what was there and is not, when it stays so. */
export async function assertFootprint(host: Host, clean: Footprint): Promise<void> {
	const deadline = Date.now() + PATIENCE
	for (;;) {
		const { added, missing } = between(clean, await look(host))
		if (added.length + missing.length === 0) return
		if (Date.now() > deadline) assert.deepEqual({ added, missing }, { added: [], missing: [] })
		await sleep(CALM)
	}
}

function between(before: Footprint, now: Footprint): { readonly added: Footprint; readonly missing: Footprint } {
	return { added: without(now, before), missing: without(before, now) }
}

/** One for one: a line that is there twice stays once where the others have it once. */
function without(lines: Footprint, others: Footprint): Footprint {
	const counts = new Map<string, number>()
	for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1)
	return lines.filter((line) => {
		const left = counts.get(line) ?? 0
		counts.set(line, left - 1)
		return left <= 0
	})
}
