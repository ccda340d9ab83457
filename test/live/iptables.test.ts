/** The one rule in both back ends of iptables, in a network namespace of its own: once, in its place, and only where needed. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, beforeEach, describe, it } from 'node:test'
import { acceptPlaces, keepForwardAccept } from '../../src/kernel/iptables.ts'
import { passages } from '../../src/kernel/passage.ts'
import { run } from '../support/command.ts'
import { enterOwnNamespace, noBed } from './networks-bed.ts'

const RULE = '-m mark --mark 0x20000000/0x20000000 -m comment --comment weft -j ACCEPT'
const BESIDE_DOCKER = RULE.replace('/0x20000000', '/0x30000000')
const FAMILIES = ['iptables', 'ip6tables'] as const
const VARIANTS = ['nft', 'legacy'] as const

async function rules(program: string, chain: string): Promise<string[]> {
	const lines = (await run([program, '-S'])).split('\n')
	return lines.filter((line) => line.startsWith(`-A ${chain} `)).map((line) => line.slice(`-A ${chain} `.length))
}

function keep(): Promise<readonly string[]> {
	return keepForwardAccept(true)
}

async function everywhere(...args: string[]): Promise<void> {
	for (const variant of VARIANTS) for (const family of FAMILIES) await run([`${family}-${variant}`, ...args])
}

describe('iptables', { skip: noBed('iptables-nft', 'iptables-legacy', 'ip6tables-nft', 'ip6tables-legacy') }, () => {
	before(enterOwnNamespace)
	beforeEach(async () => {
		await everywhere('-P', 'FORWARD', 'ACCEPT')
		await everywhere('-F')
		await everywhere('-X')
	})

	it('is left alone where nothing can drop', async () => {
		const before = await Promise.all(VARIANTS.map((variant) => run([`iptables-${variant}`, '-S'])))
		await keep()
		assert.deepEqual(await Promise.all(VARIANTS.map((variant) => run([`iptables-${variant}`, '-S']))), before)
	})

	for (const variant of VARIANTS) {
		for (const family of FAMILIES) {
			const program = `${family}-${variant}`
			const other = VARIANTS.map((each) => `${family}-${each}`).find((each) => each !== program) ?? ''

			it(`${program} without Docker gets the rule behind the user's in FORWARD, once`, async () => {
				await run([program, '-P', 'FORWARD', 'DROP'])
				await run([program, '-A', 'FORWARD', '-i', 'eth0', '-j', 'DROP'])
				assert.deepEqual(await keep(), [`put the rule into ${program} FORWARD`])
				assert.deepEqual(await keep(), [])
				assert.deepEqual(await rules(program, 'FORWARD'), ['-i eth0 -j DROP', RULE])
				assert.deepEqual(await rules(other, 'FORWARD'), [])
			})

			it(`${program} is seen to have it, to lack it and to have it for nothing, and stays as it is`, async () => {
				const place = async (wanted: boolean) => (await acceptPlaces(wanted)).find((each) => each.program === program)
				await run([program, '-P', 'FORWARD', 'DROP'])
				assert.deepEqual(await place(true), { program, chain: undefined, right: false })
				assert.deepEqual(await place(false), { program, chain: undefined, right: true })
				await keep()
				assert.deepEqual(await place(true), { program, chain: 'FORWARD', right: true })
				assert.deepEqual(await place(false), { program, chain: 'FORWARD', right: false })
				assert.deepEqual(await rules(program, 'FORWARD'), [RULE])
			})

			it(`${program} loses the rule with the last network, and is as before`, async () => {
				await run([program, '-P', 'FORWARD', 'DROP'])
				await run([program, '-A', 'FORWARD', '-i', 'eth0', '-j', 'DROP'])
				const before = await run([program, '-S'])
				await keep()
				assert.notEqual(await run([program, '-S']), before)
				for (let i = 0; i < 2; i++) await keepForwardAccept(false)
				assert.equal(await run([program, '-S']), before)
			})

			it(`${program} has the rule moved into DOCKER-USER when Docker comes`, async () => {
				await run([program, '-P', 'FORWARD', 'DROP'])
				await keep()
				await run([program, '-N', 'DOCKER-USER'])
				await run([program, '-I', 'FORWARD', '-j', 'DOCKER-USER'])
				await keep()
				assert.deepEqual(await rules(program, 'FORWARD'), ['-j DOCKER-USER'])
				assert.deepEqual(await rules(program, 'DOCKER-USER'), [BESIDE_DOCKER])
			})

			it(`${program} with Docker gets it behind the user's rules and before the RETURN, once`, async () => {
				await run([program, '-P', 'FORWARD', 'DROP'])
				await run([program, '-N', 'DOCKER-USER'])
				await run([program, '-A', 'FORWARD', '-j', 'DOCKER-USER'])
				await run([program, '-A', 'DOCKER-USER', '-i', 'eth9', '-j', 'DROP'])
				await run([program, '-A', 'DOCKER-USER', '-j', 'RETURN'])
				for (let i = 0; i < 3; i++) await keep()
				assert.deepEqual(await rules(program, 'DOCKER-USER'), ['-i eth9 -j DROP', BESIDE_DOCKER, '-j RETURN'])
				assert.deepEqual(await rules(program, 'FORWARD'), ['-j DOCKER-USER'])
			})

			it(`${program} with Docker's empty chain gets it there`, async () => {
				await run([program, '-N', 'DOCKER-USER'])
				await run([program, '-A', 'FORWARD', '-j', 'DOCKER-USER'])
				await keep()
				assert.deepEqual(await rules(program, 'DOCKER-USER'), [BESIDE_DOCKER])
			})
		}
	}

	it('is told of a program that fails, and gets the rule in the others', async () => {
		const folder = mkdtempSync(join(tmpdir(), 'weft-iptables-'))
		const path = process.env.PATH
		writeFileSync(join(folder, 'ip6tables-nft-save'), '#!/bin/sh\necho no IPv6 here >&2\nexit 3\n', { mode: 0o755 })
		try {
			process.env.PATH = `${folder}:${path}`
			await run(['iptables-nft', '-P', 'FORWARD', 'DROP'])
			await assert.rejects(keep(), /ip6tables-nft-save: no IPv6 here/)
		} finally {
			process.env.PATH = path
			rmSync(folder, { recursive: true })
		}
		assert.deepEqual(await rules('iptables-nft', 'FORWARD'), [RULE])
	})

	it('is not asked again while nothing else is wanted, unless somebody changed it', async () => {
		const passage = passages().iptables
		await run(['iptables-nft', '-P', 'FORWARD', 'DROP'])
		const done = await Promise.all(Array.from({ length: 5 }, () => passage.keep(() => ['weft0'], false)))
		assert.deepEqual(done.flat(), ['put the rule into iptables-nft FORWARD'])
		await run(['iptables-nft', '-F', 'FORWARD'])
		assert.deepEqual(await passage.keep(() => ['weft0', 'weft1'], false), [])
		assert.deepEqual(await passage.keep(() => ['weft0'], true), ['put the rule into iptables-nft FORWARD'])
		assert.deepEqual(await rules('iptables-nft', 'FORWARD'), [RULE])
		assert.deepEqual(await passage.keep(() => [], false), ['took the rule out of iptables-nft FORWARD'])
		assert.deepEqual(await rules('iptables-nft', 'FORWARD'), [])
	})

	it('is asked again after a failure', async () => {
		const passage = passages().iptables
		await run(['iptables-nft', '-P', 'FORWARD', 'DROP'])
		const path = process.env.PATH
		try {
			process.env.PATH = ''
			await assert.rejects(passage.keep(() => ['weft0'], false))
		} finally {
			process.env.PATH = path
		}
		assert.deepEqual(await passage.keep(() => ['weft0'], false), ['put the rule into iptables-nft FORWARD'])
	})
})
