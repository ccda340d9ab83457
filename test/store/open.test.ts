/** What opening the state refuses, and in which words: each failure is one line that a person can act on. */
import assert from 'node:assert/strict'
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { Level } from 'level'
import { isCode, WeftError } from '../../src/errors.ts'
import { LevelStore } from '../../src/store/level.ts'
import { lease, pool } from '../contract/store.ts'
import { run } from '../support/command.ts'
import { scratch, using } from './scratch.ts'

const NOBODY = 65534

/** Changes the records on disk behind the store's back. */
async function edit<T>(directory: string, change: (db: Level<string, string>) => Promise<T>): Promise<T> {
	const db = new Level<string, string>(join(directory, 'db'))
	await db.open()
	const result = await change(db)
	await db.close()
	return result
}

async function refusal(directory: string): Promise<WeftError> {
	const error = await LevelStore.open(directory).then(
		async (store) => store.close().then(() => assert.fail('it was opened')),
		(reason: unknown) => reason,
	)
	assert.ok(error instanceof WeftError, String(error))
	assert.doesNotMatch(error.message, /\n/)
	assert.match(error.message, new RegExp(directory))
	return error
}

test('a state in a directory that is not there yet is made, for this user only', async (t) => {
	const directory = join(await scratch(t), 'deep/er')
	await using(directory, (store) => store.commit([pool('p')]))
	assert.equal((await stat(join(directory, 'db'))).mode & 0o777, 0o700)
	await using(directory, (store) => assert.notEqual(store.get('pool', '', 'p'), undefined))
})

test('a second daemon is refused while the first one runs, and let in afterwards', async (t) => {
	const directory = await scratch(t)
	await using(directory, async (store) => {
		const error = await refusal(directory)
		assert.equal(error.code, 'in-use')
		assert.match(error.message, /in use by another weftd/)
		await store.commit([pool('p')])
	})
	await using(directory, (store) => assert.notEqual(store.get('pool', '', 'p'), undefined))
})

test('a state directory that cannot be made is named', async (t) => {
	const directory = await scratch(t)
	await writeFile(join(directory, 'file'), '')
	const error = await refusal(join(directory, 'file'))
	assert.equal(error.code, 'system')
	assert.match(error.message, /cannot be created: .*(ENOTDIR|EEXIST)/)
})

test('a state directory where nothing can be made is named', async () => {
	const { message } = await refusal('/proc/weft/state')
	assert.match(message, /cannot be created: ENOENT.*; WEFT_STATE_DIR must be a directory that weftd may write$/)
})

test('a state directory that is read-only is named', { skip: process.geteuid?.() !== 0 && 'needs root' }, async (t) => {
	const directory = await scratch(t)
	await run(['mount', '--bind', directory, directory])
	try {
		await using(directory, (store) => store.commit([pool('p')]))
		await run(['mount', '-o', 'remount,ro,bind', directory])
		for (const path of [directory, join(directory, 'deep/er')]) {
			const { message } = await refusal(path)
			assert.match(message, /[Rr]ead-only file system.*; WEFT_STATE_DIR must be a directory that weftd may write$/)
		}
	} finally {
		await run(['umount', directory])
	}
})

test('a state directory that this user may not write is named', async (t) => {
	const directory = await scratch(t)
	await mkdir(join(directory, 'db'))
	await chmod(join(directory, 'db'), 0o555)
	await chmod(directory, 0o555)
	const root = process.geteuid?.() === 0
	if (root) process.seteuid?.(NOBODY)
	try {
		assert.equal((await refusal(directory)).code, 'system')
		assert.equal((await refusal(join(directory, 'state'))).code, 'system')
	} finally {
		if (root) process.seteuid?.(0)
		await chmod(directory, 0o755)
		await chmod(join(directory, 'db'), 0o755)
	}
})

test('the state of another weft is refused by its number and stays as it is', async (t) => {
	const directory = await scratch(t)
	await using(directory, (store) => store.commit([pool('p')]))
	const own = await edit(directory, (db) => db.get('meta!!schema'))
	for (const schema of ['1', '999', '999']) {
		await edit(directory, (db) => db.put('meta!!schema', schema))
		const { message } = await refusal(directory)
		assert.match(message, new RegExp(`has schema ${schema}; this weftd reads schema ${own}`))
	}
	await edit(directory, (db) => db.put('meta!!schema', own))
	await using(directory, (store) => assert.notEqual(store.get('pool', '', 'p'), undefined))
})

test('a record that is no JSON is named', async (t) => {
	const directory = await scratch(t)
	await using(directory, (store) => store.commit([pool('p')]))
	await edit(directory, (db) => db.put('pool!!p', '{"id":'))
	const error = await refusal(directory)
	assert.equal(error.code, 'system')
	assert.match(error.message, /is damaged \(the record "pool!!p" cannot be read\)/)
})

test('a record that was changed, added or taken away behind the back of weft is noticed', async (t) => {
	const changes: ((db: Level<string, string>) => Promise<void>)[] = [
		(db) => db.put('pool!!p', JSON.stringify({ ...pool('p').value, cursor: '10.0.0.9' })),
		(db) => db.put('pool!!q', JSON.stringify(pool('q').value)),
		(db) => db.put('strange', '1'),
		(db) => db.del('pool!!p'),
		(db) => db.put('meta!!fingerprint', '0'.repeat(16)),
		(db) => db.del('meta!!fingerprint'),
		(db) => db.del('meta!!schema'),
		(db) => db.clear(),
	]
	for (const change of changes) {
		const directory = await scratch(t)
		await using(directory, (store) => store.commit([pool('p'), lease('p', '10.0.0.1')]))
		await edit(directory, change)
		const error = await refusal(directory)
		assert.ok(isCode(error, 'system'))
		assert.match(error.message, /is damaged/, change.toString())
	}
})
