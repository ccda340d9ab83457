/** A weftd whose disk is full, or lets nobody write: what it had it keeps and serves, and it goes on when there is room. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'
import { type Host, noHost, startHost } from '../support/host.ts'
import { IMAGE } from '../support/image.ts'
import { assertPings, inContainer } from '../support/traffic.ts'
import { addressOf, createNetwork, refused, runContainer } from './networks.ts'

const DISK = '/run/data/small'
const STATE = `${DISK}/weft`
const FULL = /cannot write the state: .*No space left on device/
const PATIENCE = 60_000
/** What weft does every few minutes comes every few seconds. */
const HASTEN = new URL('../support/hasten.js', import.meta.url)
const WEFT = fileURLToPath(new URL('../../src/weft.js', import.meta.url))

describe('a disk', { skip: noHost() }, () => {
	let host: Host
	before(async () => {
		host = await startHost({ weftd: false, env: { WEFT_STATE_DIR: STATE, NODE_OPTIONS: `--import=${HASTEN.href}` } })
		await host.exec(['sh', '-ec', `mkdir ${DISK}; mount -t tmpfs -o size=1m tmpfs ${DISK}`])
		await host.startWeftd()
		await createNetwork(host, 'net')
		for (const name of ['one', 'two']) await runContainer(host, name, 'net')
	})
	after(() => host?.stop())

	const fill = () => host.attempt(['dd', 'if=/dev/zero', `of=${DISK}/fill`, 'bs=1k'])
	const empty = () => host.exec(['rm', `${DISK}/fill`])

	const differences = async () => (await host.attempt([process.execPath, WEFT, 'diff'])).stdout

	async function assertServes(): Promise<void> {
		await assertPings(await inContainer(host, 'one'), await addressOf(host, 'two', 'net'))
		assert.match(await host.exec([process.execPath, WEFT, 'ls']), / net /)
		assert.equal(await differences(), '')
	}

	it('that is full refuses what is new in so many words, and what was there goes on', async () => {
		await fill()
		for (let attempt = 0; attempt < 2; attempt++) {
			await refused(host, ['network', 'create', '--driver', 'weft', '--ipam-driver', 'weft', 'more'], FULL)
			await refused(host, ['run', '--rm', '--net', 'net', IMAGE, 'true'], FULL)
		}
		await assertServes()
	})

	it('that has room again takes what was refused, and lets go what could not be taken away meanwhile', async () => {
		await host.docker('rm', '-f', 'two')
		await empty()
		await createNetwork(host, 'more')
		await runContainer(host, 'two', 'net')
		await runContainer(host, 'three', 'more')
		// Docker is asked only while it calls.
		const isGone = async () => {
			await host.docker('run', '--rm', '--net', 'net', IMAGE, 'true')
			return (await differences()) === ''
		}
		await eventually(isGone, { what: 'nothing is different', within: PATIENCE })
		await assertServes()
	})

	it('that is full keeps weftd from starting, which says so, and has all of it when there is room', async () => {
		await host.killWeftd()
		await fill()
		await assert.rejects(host.startWeftd(), /weftd: the state in \S+ cannot be opened: .*No space left on device/)
		await empty()
		await host.startWeftd()
		await assertServes()
		await createNetwork(host, 'last')
	})

	it('that nobody may write keeps weftd from starting, which names it, and has all of it when it may', async () => {
		const remount = (how: string) => host.attempt(['mount', '-o', `remount,${how}`, DISK])
		assert.notEqual((await remount('ro')).code, 0, 'the kernel keeps it writable while weftd has its log open')
		await host.stopWeftd()
		assert.equal((await remount('ro')).code, 0)
		await assert.rejects(host.startWeftd(), new RegExp(`weftd: .*${STATE}.*read-only`, 'i'))
		await remount('rw')
		await host.startWeftd()
		await assertServes()
	})
})
