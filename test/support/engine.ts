/**
 * The Docker Engines that a test host can have: this machine's own, and those of other Debian suites as `fetch-engines`
 * brought them. A suite's programs and libraries lie over this machine's /usr, in the host's mount namespace only.
 */

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

const CACHE = '/var/cache/weft-test'
/** What each suite has, for the name of a test that has to say that it is missing. */
const SUITES: Readonly<Record<string, string>> = { bullseye: '20.10.5', trixie: '26.1.5', forky: '28.5.2' }

export interface Engine {
	/** Of Docker. */
	readonly version: string
	/** The folder that lies over /usr; none for this machine's own engine. */
	readonly usr?: string
	/** Why it cannot be had, as a `skip` of node:test; false when it can. */
	readonly missing: string | false
}

export const OWN_ENGINE: Engine = { version: ownVersion(), missing: false }

/** This machine's own first, then those of other suites, oldest first. */
export const ENGINES: readonly Engine[] = [OWN_ENGINE, ...Object.keys(SUITES).flatMap(engineOf)]

/** This machine's own and the newest. */
export const OUTER_ENGINES: readonly Engine[] = [OWN_ENGINE, ...ENGINES.slice(1).slice(-1)]

/** None for the suite of this machine, whose engine is the own one. */
function engineOf(suite: string): Engine[] {
	const folder = `${CACHE}/${suite}`
	if (existsSync(folder)) {
		const version = readFileSync(`${folder}/version`, 'utf8').trim()
		return version === OWN_ENGINE.version ? [] : [{ version, usr: `${folder}/usr`, missing: false }]
	}
	const missing = `needs Docker of Debian ${suite} in ${folder}, where test/support/fetch-engines puts it`
	return [{ version: SUITES[suite] ?? suite, missing }]
}

/** Whether its Docker is of this major version or a later one. */
export function isSince({ version }: Engine, major: number): boolean {
	return Number.parseFloat(version) >= major
}

function ownVersion(): string {
	try {
		const words = execFileSync('dockerd', ['--version'], { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin' } })
		return /\d+(\.\d+)+/.exec(words)?.[0] ?? words.trim()
	} catch {
		return 'missing'
	}
}
