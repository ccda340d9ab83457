/** Rendered text beside what is on file in test/golden, which WEFT_UPDATE_GOLDEN=1 writes anew: review the difference. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

// From dist/test/support/ to the sources, where goldens are kept.
const FOLDER = new URL('../../../test/golden/', import.meta.url)

export function expectGolden(name: string, text: string): void {
	const path = fileURLToPath(new URL(name, FOLDER))
	if (process.env.WEFT_UPDATE_GOLDEN === '1') {
		mkdirSync(dirname(path), { recursive: true })
		writeFileSync(path, text)
		return
	}
	assert.equal(text, readGolden(path), `${name} is not what is on file; if it should change: make golden`)
}

/** A value as JSON. */
export function expectGoldenJson(name: string, value: unknown): void {
	expectGolden(name, `${JSON.stringify(value, undefined, '\t')}\n`)
}

function readGolden(path: string): string {
	try {
		return readFileSync(path, 'utf8')
	} catch (error) {
		assert.fail(`${String(error)}; make golden writes it`)
	}
}
