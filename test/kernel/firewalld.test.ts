/** What is asked of firewalld, by a program in its place that writes down each call; e2e/firewalld.test.ts has the real one. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { FirewalldZone } from '../../src/kernel/firewalld.ts'

/** Answers with what is in the file `answer`, and takes the zone into force at a reload. */
const PROGRAM = `#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >>calls
case "$*" in
*--list-interfaces) [ -f links ] && cat links || { echo "Error: INVALID_ZONE: weft" >&2; exit 112; } ;;
*--add-interface=taken) echo "Error: ZONE_CONFLICT: 'taken' already bound to a zone" >&2; exit 13 ;;
--reload) [ ! -f config/zones/weft.xml ] || [ -f deaf ] || echo weft+ >links; echo success ;;
*) echo success ;;
esac
`

describe("firewalld's zone", () => {
	const path = process.env.PATH
	let folder = ''
	let zone: FirewalldZone
	beforeEach(() => {
		folder = mkdtempSync(join(tmpdir(), 'weft-firewalld-'))
		mkdirSync(join(folder, 'config'))
		writeFileSync(join(folder, 'firewall-cmd'), PROGRAM, { mode: 0o755 })
		process.env.PATH = `${folder}:${path}`
		zone = new FirewalldZone(join(folder, 'config'))
	})
	afterEach(() => {
		process.env.PATH = path
		rmSync(folder, { recursive: true })
	})

	function calls(): string[] {
		const file = join(folder, 'calls')
		const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : []
		rmSync(file, { force: true })
		return lines
	}

	const LIST = '--zone=weft --list-interfaces'
	const MADE = 'made zone weft in firewalld and reloaded it'

	it('is made with the first bridge, and then only looked at', async () => {
		assert.deepEqual(await zone.keep([]), [])
		assert.deepEqual(calls(), [])
		assert.deepEqual(await zone.keep(['weft0']), [MADE])
		assert.deepEqual(calls(), [LIST, '--reload'])
		assert.deepEqual(readdirSync(join(folder, 'config', 'zones')), ['weft.xml'])
		assert.deepEqual(readdirSync(join(folder, 'config', 'policies')), ['weft-forwarding.xml'])
		assert.deepEqual(await zone.keep(['weft0', 'weft1']), [])
		assert.deepEqual(calls(), [LIST])
	})

	it('gets bridges with other names and loses them again, but no links of others', async () => {
		writeFileSync(join(folder, 'links'), 'weft+ eth7\n')
		assert.deepEqual(await zone.keep(['weft0', 'tubes']), ["put tubes into firewalld's zone weft"])
		assert.deepEqual(calls(), [LIST, '--zone=weft --add-interface=tubes'])
		writeFileSync(join(folder, 'links'), 'weft+ eth7 tubes\n')
		assert.deepEqual(await zone.keep(['weft0', 'tubes']), [])
		assert.deepEqual(calls(), [LIST])
		assert.deepEqual(await zone.keep([]), [])
		assert.deepEqual(calls(), [LIST, '--zone=weft --remove-interface=tubes'])
		assert.deepEqual(await zone.keep([]), [])
		assert.deepEqual(calls(), [])
	})

	it('leaves a bridge where somebody has put it', async () => {
		writeFileSync(join(folder, 'links'), 'weft+\n')
		assert.deepEqual(await zone.keep(['taken']), [])
		await zone.keep([])
		assert.ok(!calls().some((call) => call.includes('--remove-interface')))
	})

	it('stays as somebody wants it', async () => {
		mkdirSync(join(folder, 'config', 'zones'))
		writeFileSync(join(folder, 'config', 'zones', 'weft.xml'), 'mine')
		assert.deepEqual(await zone.keep(['weft0']), [MADE])
		assert.equal(readFileSync(join(folder, 'config', 'zones', 'weft.xml'), 'utf8'), 'mine')
		writeFileSync(join(folder, 'links'), '\n')
		calls()
		assert.deepEqual(await zone.keep(['weft0']), [])
		assert.deepEqual(calls(), [LIST])
	})

	it('is not asked for again and again where firewalld does not take it', async () => {
		writeFileSync(join(folder, 'deaf'), '')
		await zone.keep(['weft0'])
		calls()
		await assert.rejects(zone.keep(['weft0']), /firewalld does not take zone weft/)
		assert.deepEqual(calls(), [LIST])
	})

	it('is none of weft’s business where firewalld is not installed or does not run', async () => {
		for (const words of ['FirewallD is not running', 'Error: DBUS_ERROR: Failed to connect to socket']) {
			writeFileSync(join(folder, 'firewall-cmd'), `#!/bin/sh\necho ${words} >&2; exit 252\n`)
			assert.deepEqual(await zone.keep(['weft0']), [])
		}
		rmSync(join(folder, 'firewall-cmd'))
		process.env.PATH = folder
		assert.deepEqual(await zone.keep(['weft0']), [])
		assert.deepEqual(readdirSync(join(folder, 'config')), [])
	})

	it('is told of in firewalld’s words where it refuses', async () => {
		writeFileSync(join(folder, 'firewall-cmd'), '#!/bin/sh\necho Error: COMMAND_FAILED: no >&2; exit 13\n')
		await assert.rejects(zone.keep(['weft0']), /firewall-cmd: Error: COMMAND_FAILED: no/)
	})
})
