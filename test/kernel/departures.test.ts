/** How long the deletion of a link is waited for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { Departures } from '../../src/kernel/departures.ts'
import type { LinkInfo } from '../../src/kernel/netlink/link.ts'

const link = (name: string): LinkInfo => ({ index: 7, name, mac: '', mtu: 1500, up: false, group: 0 })

test('until that link is told to be gone, and no other', async () => {
	const departures = new Departures()
	let isOver = false
	const gone = departures.untilGone('one', new Promise(() => undefined)).then(() => {
		isOver = true
	})
	departures.gone(link('two'))
	departures.changed(link('one'))
	await turn()
	assert.equal(isOver, false)
	departures.gone(link('one'))
	await gone
})

test('until it is done, where nothing is heard', async () => {
	await new Departures().untilGone('one', Promise.resolve())
	await assert.rejects(new Departures().untilGone('one', Promise.reject(new Error('no'))), /^Error: no$/)
})

test('a deletion that fails after that link is told to be gone fails nobody', async () => {
	const departures = new Departures()
	let fail: (error: Error) => void = () => undefined
	const deletion = new Promise<void>((_, reject) => {
		fail = reject
	})
	const gone = departures.untilGone('one', deletion)
	departures.gone(link('one'))
	await gone
	fail(new Error('no'))
	await turn()
})
