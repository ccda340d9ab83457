/**
 * firewalld rejects packets of links that are in none of its zones, whatever other tables say. Where it runs, weft's
 * bridges are in a zone of their own, to which and from which it lets everything pass: what may pass is for weft's
 * tables to say, and they are asked as well.
 */
import { existsSync } from 'node:fs'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { isErrno, messageOf, WeftError } from '../errors.ts'
import { run } from './exec.ts'

const ZONE = 'weft'
const POLICY = 'weft-forwarding'
/** Every bridge that weft names itself: one rule for all of them, and nothing to do for any. */
const ALL = 'weft+'

const FOLDER = '/etc/firewalld'

/** The whole configuration, as firewalld.zone(5) and firewalld.policy(5) have it. The zone is last: with it all is there. */
const FILES: Readonly<Record<string, string>> = {
	[`policies/${POLICY}.xml`]: `<?xml version="1.0" encoding="utf-8"?>
<policy target="ACCEPT">
  <short>weft</short>
  <description>From anywhere to containers on weft's networks, as far as weft's own rules let it pass.</description>
  <ingress-zone name="ANY"/>
  <egress-zone name="${ZONE}"/>
</policy>
`,
	[`zones/${ZONE}.xml`]: `<?xml version="1.0" encoding="utf-8"?>
<zone target="ACCEPT">
  <short>weft</short>
  <description>Containers on weft's networks. Where they may go beyond this host, weft's own rules say.</description>
  <interface name="${ALL}"/>
</zone>
`,
}

export class FirewalldZone {
	/** Bridges with other names that are in the zone, until firewalld is loaded anew. */
	#named: readonly string[] = []
	#reloaded = false
	readonly #folder: string

	constructor(folder = FOLDER) {
		this.#folder = folder
	}

	/** Makes the zone hold these bridges and no others of weft's. What had to be done, for people. Takes 0.2 s or more. */
	async keep(bridges: readonly string[]): Promise<readonly string[]> {
		const named = namedOtherwise(bridges)
		if (bridges.length === 0 && this.#named.length === 0) return []
		const links = await linksOfZone()
		if (links === 'no firewalld') return []
		const done = links === 'no zone' && bridges.length > 0 ? await this.#make() : []
		const there = links === 'no zone' ? [] : links
		for (const bridge of named.filter((each) => !there.includes(each))) done.push(...(await add(bridge)))
		for (const bridge of this.#named.filter((each) => !named.includes(each) && there.includes(each))) {
			await firewallCmd([`--zone=${ZONE}`, `--remove-interface=${bridge}`])
		}
		this.#named = named
		return done
	}

	/** Only a reload puts a new zone into force, and what somebody has set without --permanent goes with it: once, then. */
	async #make(): Promise<string[]> {
		const fresh = await writeFiles(this.#folder)
		if (fresh.length === 0 && this.#reloaded) {
			throw new WeftError('system', `firewalld does not take zone ${ZONE} from ${this.#folder}: look into its log`)
		}
		this.#reloaded = true
		await firewallCmd(['--reload'])
		return [`made zone ${ZONE} in firewalld and reloaded it`]
	}
}

/** Those of these bridges that are not in the zone by themselves. */
export function namedOtherwise(bridges: readonly string[]): string[] {
	return bridges.filter((bridge) => !bridge.startsWith('weft'))
}

/** Those that were not there: what is there is as somebody wants it. */
async function writeFiles(folder: string): Promise<string[]> {
	const fresh = Object.entries(FILES).filter(([name]) => !existsSync(`${folder}/${name}`))
	for (const [name, text] of fresh) {
		const path = `${folder}/${name}`
		await mkdir(dirname(path), { recursive: true })
		// firewalld reads whatever ends in .xml as soon as it is there.
		await writeFile(`${path}.new`, text)
		await rename(`${path}.new`, path)
	}
	return fresh.map(([name]) => name)
}

/** One that is in another zone is there because somebody wants it there. */
async function add(bridge: string): Promise<string[]> {
	const output = await firewallCmd([`--zone=${ZONE}`, `--add-interface=${bridge}`], 'ZONE_CONFLICT')
	return output === undefined ? [] : [`put ${bridge} into firewalld's zone ${ZONE}`]
}

/** Of the zone in force. */
async function linksOfZone(): Promise<string[] | 'no zone' | 'no firewalld'> {
	try {
		const output = await firewallCmd([`--zone=${ZONE}`, '--list-interfaces'], 'INVALID_ZONE')
		return output?.split(/\s+/) ?? 'no zone'
	} catch (error) {
		// Not installed, or not started, or there is no bus that it could be on.
		if (isErrno(error, 'ENOENT') || /not running|DBUS_ERROR/.test(messageOf(error))) return 'no firewalld'
		throw error
	}
}

/** Its output; undefined where it refuses for the reason that is expected. */
async function firewallCmd(args: readonly string[], expected?: string): Promise<string | undefined> {
	try {
		return await run('firewall-cmd', args)
	} catch (error) {
		if (expected !== undefined && messageOf(error).includes(expected)) return undefined
		throw error
	}
}
