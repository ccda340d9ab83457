/**
 * The shape of src/, from its import lines: who may import whom, who alone speaks to a package, how large a file is, and
 * that each folder says what a reviewer must refuse. The table is the architecture; change it only on purpose.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// From dist/test/ up to the repository.
const SRC = fileURLToPath(new URL('../../src/', import.meta.url))

/** For each folder or single file the folders and files that it may import besides its own folder. */
const MAY_IMPORT: Record<string, readonly string[]> = {
	'weftd.ts': ['main.ts', 'kernel/ffi.ts', 'help.ts', 'config.ts', 'errors.ts'],
	'weft.ts': ['cli/', 'config.ts'],
	'version.ts': [],
	'metrics.ts': ['keeper.ts'],
	'errors.ts': [],
	'mutex.ts': [],
	'keeper.ts': [],
	'directory.ts': [],
	'listen.ts': ['directory.ts', 'settings.ts', 'errors.ts'],
	'repair-log.ts': ['keeper.ts', 'metrics.ts', 'errors.ts'],
	'output.ts': [],
	'log.ts': ['output.ts'],
	'config.ts': ['settings.ts', 'ipam/pools.ts', 'model/', 'errors.ts'],
	'settings.ts': ['ipam/pools.ts', 'model/'],
	'help.ts': ['settings.ts', 'version.ts'],
	'model/': ['errors.ts'],
	'kernel/': ['model/', 'mutex.ts', 'errors.ts'],
	'modes/': ['model/', 'kernel/resource.ts', 'errors.ts'],
	'store/': ['model/', 'directory.ts', 'errors.ts'],
	'cluster/': ['store/store.ts', 'model/', 'errors.ts'],
	'ipam/': ['store/store.ts', 'cluster/', 'model/', 'mutex.ts', 'errors.ts'],
	'network/': [
		'modes/',
		'cluster/verbs.ts',
		'kernel/verbs.ts',
		'kernel/host.ts',
		'kernel/resource.ts',
		'store/store.ts',
		'model/',
		'mutex.ts',
		'keeper.ts',
		'errors.ts',
	],
	'docker/': ['model/', 'errors.ts'],
	'cnm/': ['network/', 'ipam/', 'model/', 'metrics.ts', 'errors.ts'],
	'admin/': ['network/', 'ipam/', 'model/', 'metrics.ts', 'version.ts', 'errors.ts'],
	'cli/': ['admin/api.ts', 'kernel/exec.ts', 'version.ts', 'errors.ts'],
}
/** What constructs things may import all; the second is there, and loaded, with WEFT_CLUSTER only. */
const ROOT = 'main.ts'
const ROOTS = [ROOT, 'clustered.ts']
/** The executables, which prepare the process before they load the rest. */
const EXECUTABLES = ['weftd.ts', 'weft.ts']

/** Packages and names that one file, or two, may speak of. */
const ONLY_IN: Record<string, readonly string[]> = {
	koffi: ['kernel/ffi.ts'],
	execa: ['kernel/exec.ts'],
	'ipaddr.js': ['model/address.ts'],
	level: ['store/level.ts'],
}
const SPEAKS_OF_ENVIRONMENT = ['config.ts', ROOT, ...EXECUTABLES]
const PURE = ['model/', 'modes/']
const MAX_LINES = 300
const MAX_REVIEW_NOTES = 60

interface Source {
	readonly name: string
	readonly text: string
	readonly imports: readonly string[]
}

function importsOf(text: string): string[] {
	return Array.from(
		text.matchAll(
			/^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm,
		),
	).flatMap(([, from, bare, later]) => from ?? bare ?? later ?? [])
}

const sources: Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
	.filter((name) => name.endsWith('.ts'))
	.map((name) => {
		const text = readFileSync(join(SRC, name), 'utf8')
		return { name, text, imports: importsOf(text) }
	})

const folders = readdirSync(SRC, { withFileTypes: true }).flatMap((entry) =>
	entry.isDirectory() ? [`${entry.name}/`] : [],
)

/** `store/` for store/level.ts, the file itself where it is in no folder. */
function partOf(name: string): string {
	return name.includes('/') ? `${name.split('/')[0]}/` : name
}

/** What of the package's imports are files of src/, by their names there. */
function internal({ name, imports }: Source): string[] {
	return imports.filter((each) => each.startsWith('.')).map((each) => normalize(join(dirname(name), each)))
}

function offences(offence: (source: Source) => readonly string[]): string[] {
	return sources.flatMap((source) => offence(source).map((each) => `src/${source.name}: ${each}`))
}

test('the import lines are read in all their forms', () => {
	const lines = [
		"import a from './a.ts'",
		"import type { B } from './b.ts'",
		"import {\n\tc,\n} from './c.ts'",
		"import './d.ts'",
	]
	const others = [
		"export { e } from './e.ts'",
		"export * from './f.ts'",
		"const { g } = await import('./g.ts')",
		"const h = 'from i'",
		"// import x from './x.ts'",
	]
	assert.deepEqual(importsOf([...lines, ...others].join('\n')), [
		'./a.ts',
		'./b.ts',
		'./c.ts',
		'./d.ts',
		'./e.ts',
		'./f.ts',
		'./g.ts',
	])
	assert.ok(sources.length > 30 && sources.some(({ name, imports }) => name === ROOT && imports.length > 10))
})

test('imports go in one direction', () => {
	const wrong = offences((source) => {
		const part = partOf(source.name)
		if (ROOTS.includes(part)) return []
		const allowed = [...(MAY_IMPORT[part] ?? []), ...(part.endsWith('/') ? [part] : [])]
		return internal(source)
			.filter((target) => !allowed.some((each) => target === each || (each.endsWith('/') && target.startsWith(each))))
			.map((target) => `must not import ${target}`)
	})
	assert.deepEqual(wrong, [])
})

test('without a cluster nothing is loaded that is for one', () => {
	const loaded = new Set<string>()
	const load = (name: string) => {
		if (loaded.has(name)) return
		loaded.add(name)
		const source = sources.find((each) => each.name === name)
		assert.ok(source, name)
		// What is imported while it runs is loaded when it is needed.
		const text = source.text.replaceAll(/^(import|export) type [^'"]*?from '[^']+'|\bimport\('[^']+'\)/gms, '')
		for (const each of internal({ ...source, imports: importsOf(text) })) load(each)
	}
	load(ROOT)
	assert.ok(loaded.has('ipam/ipam.ts') && loaded.size > 100)
	const forClusters = [...loaded].filter((name) => name.startsWith('cluster/') || name === 'clustered.ts')
	assert.deepEqual(forClusters, [])
})

test('every folder and every file beside the folders has its place in the table', () => {
	const parts = [...new Set(sources.map(({ name }) => partOf(name)))].filter((part) => !ROOTS.includes(part))
	assert.deepEqual(parts.sort(), Object.keys(MAY_IMPORT).sort())
})

test('imports that the table cannot see are not used', () => {
	const wrong = offences(({ text, imports }) => [
		...(/\bimport\s*\((?!'[^']+'\))|\brequire\s*\(|\bcreateRequire\b/.test(text) ? ['imports while it runs'] : []),
		...imports.filter((each) => each.startsWith('.') && !each.endsWith('.ts')).map((each) => `imports ${each}`),
	])
	assert.deepEqual(wrong, [])
})

test('one file speaks to each package that reaches outside', () => {
	const wrong = offences(({ name, imports }) => {
		return imports.filter((each) => ONLY_IN[each] !== undefined && !ONLY_IN[each].includes(name))
	})
	assert.deepEqual(wrong, [])
	for (const [packageName, [only]] of Object.entries(ONLY_IN)) {
		assert.ok(
			sources.some(({ name, imports }) => name === only && imports.includes(packageName)),
			`${only}: ${packageName}`,
		)
	}
	const starts = offences(({ imports }) =>
		imports.filter((each) => each === 'node:child_process' || each === 'child_process'),
	)
	assert.deepEqual(starts, [])
})

test('the environment is read in one place', () => {
	const speak = sources.filter(({ text }) => /\bprocess\.env\b/.test(text)).map(({ name }) => name)
	assert.deepEqual(
		speak.filter((name) => !SPEAKS_OF_ENVIRONMENT.includes(name)),
		[],
	)
})

test('nouns and planners have no effects', () => {
	const effects = ['node:fs', 'node:fs/promises', 'node:http', 'node:os', 'node:process', 'node:timers/promises']
	const wrong = offences(({ name, imports }) =>
		PURE.includes(partOf(name)) ? imports.filter((each) => effects.includes(each)) : [],
	)
	assert.deepEqual(wrong, [])
})

test('files are short, start with what they are for and export by name', () => {
	const wrong = offences(({ text }) => [
		...(text.split('\n').length - 1 > MAX_LINES ? [`more than ${MAX_LINES} lines`] : []),
		...(/^(#!.*\n)?\/\*\*/.test(text) ? [] : ['no header comment']),
		...(/^export default\b|\bas default\b/m.test(text) ? ['default export'] : []),
	])
	assert.deepEqual(wrong, [])
	const vague = sources.filter(({ name }) => /(^|\/)(utils?|helpers?|common|misc)\b/.test(name))
	assert.deepEqual(vague, [])
})

for (const folder of folders) {
	test(`src/${folder} has a README that ends with what a reviewer must refuse`, () => {
		const path = join(SRC, folder, 'README.md')
		assert.ok(existsSync(path), `${relative(dirname(SRC), path)} is missing`)
		const headings = Array.from(readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm))
		const last = headings.at(-1)
		assert.equal(last?.[1], 'Review notes')
		const notes = readFileSync(path, 'utf8').slice(last?.index).trimEnd().split('\n')
		assert.ok(notes.length > 2 && notes.length <= MAX_REVIEW_NOTES, `${notes.length} lines`)
	})
}
