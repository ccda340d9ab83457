/** What weft depends on: few packages, of which the content is known, none of which runs a script, and no known hole. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { attempt } from './support/command.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** Of those that weft itself asks for when it runs. */
const MOST = 8
const PATIENCE = 60_000

const read = (name: string): string => readFileSync(`${ROOT}${name}`, 'utf8')

/** An entry of package-lock.json. */
interface Locked {
	readonly version?: string
	readonly integrity?: string
	readonly resolved?: string
}

test(`no more than ${MOST} packages are asked for, each at one version`, () => {
	const { dependencies, devDependencies } = JSON.parse(read('package.json'))
	assert.ok(Object.keys(dependencies).length <= MOST, Object.keys(dependencies).join(', '))
	for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
		assert.match(String(version), /^\d+\.\d+\.\d+$/, name)
	}
})

test('of each package that is installed the content is on record, wherever it comes from, and no script of it is run', () => {
	const packages: Record<string, Locked> = JSON.parse(read('package-lock.json')).packages
	const installed = Object.entries(packages).filter(([path]) => path !== '')
	assert.ok(installed.length > MOST)
	for (const [path, { integrity, resolved }] of installed) {
		assert.match(integrity ?? '', /^sha512-/, path)
		assert.equal(resolved, undefined, path)
	}
	assert.match(read('.npmrc'), /^ignore-scripts=true$/m)
})

test('no package that weft runs with has a hole that the npm registry knows of', async (t) => {
	const { stdout } = await attempt(['npm', '--prefix', ROOT, 'audit', '--omit=dev', '--json'], { timeout: PATIENCE })
	const { metadata, vulnerabilities } = JSON.parse(stdout || '{}')
	if (metadata === undefined) return t.diagnostic('the npm registry is not reached, or tells of no holes')
	assert.deepEqual(vulnerabilities, {})
})
