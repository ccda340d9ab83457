/** What happens to containers is heard for as long as somebody wants to know, and dockerd runs. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Following } from '../../src/network/following.ts'
import { passTime, startClock, stopClock } from '../support/clock.ts'
import { ContainerList } from '../support/container-list.ts'

interface Scene {
	readonly docker: ContainerList
	readonly following: Following
	readonly failures: unknown[]
	/** How often was heard that something may have changed. */
	heard: number
}

function scene(): Scene {
	const docker = new ContainerList(() => assert.fail('nobody looks into a container'))
	const failures: unknown[] = []
	const hear = () => {
		made.heard++
	}
	const following = new Following(docker, hear, (error) => failures.push(error))
	const made = { docker, following, failures, heard: 0 }
	return made
}

/** Milliseconds; with all that follows at once. */
async function pass(milliseconds: number): Promise<void> {
	passTime(milliseconds)
	for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
}

/** Docker breaks off what it tells. */
async function breakOff(docker: ContainerList): Promise<void> {
	docker.breakOff()
	await pass(0)
}

describe('what happens to containers', () => {
	beforeEach(() => stopClock('setTimeout'))
	afterEach(startClock)

	it('is heard by one question, and no more when nobody wants to know', async () => {
		const { docker, following } = scene()
		following.open()
		following.open()
		assert.deepEqual([docker.followers, following.isOpen()], [1, true])
		await following.close()
		assert.deepEqual([docker.followers, following.isOpen()], [0, false])
		await pass(600_000)
		assert.equal(docker.followers, 0)
		following.open()
		assert.equal(docker.followers, 1)
	})

	it('is heard again where that breaks off while dockerd runs', async () => {
		const made = scene()
		const { docker, following, failures } = made
		following.open()
		await breakOff(docker)
		await pass(999)
		assert.deepEqual([docker.followers, failures.length, made.heard], [0, 1, 1])
		await pass(1)
		assert.deepEqual([docker.followers, made.heard], [1, 2])
	})

	it('is asked for less and less often where it keeps breaking off, and as at first after a while of peace', async () => {
		const { docker, following } = scene()
		following.open()
		for (const pause of [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]) {
			await breakOff(docker)
			await pass(pause - 1)
			assert.equal(docker.followers, 0, `not before ${pause}`)
			await pass(1)
			assert.equal(docker.followers, 1, `after ${pause}`)
		}
		await pass(60_001)
		await breakOff(docker)
		await pass(1000)
		assert.equal(docker.followers, 1)
	})

	it('is not asked for while dockerd is off, but by who knows better', async () => {
		const { docker, following } = scene()
		following.open()
		docker.isRunning = false
		await breakOff(docker)
		await pass(600_000)
		assert.equal(docker.followers, 0)
		following.open()
		assert.equal(docker.followers, 1)
		await breakOff(docker)
		await pass(60_000)
		assert.equal(docker.followers, 0)
		docker.isRunning = true
		await pass(60_000)
		assert.equal(docker.followers, 1)
	})

	it('is asked for by who does not know whether dockerd runs as soon as that does', async () => {
		const { docker, following } = scene()
		docker.isRunning = false
		void following.resume()
		await pass(0)
		assert.equal(docker.followers, 0)
		docker.isRunning = true
		await pass(1000)
		assert.equal(docker.followers, 1)
	})

	it('is not asked for when nobody wants to know any more by the time dockerd is seen', async () => {
		const { docker, following } = scene()
		following.open()
		await breakOff(docker)
		passTime(1000)
		await following.close()
		await pass(0)
		assert.equal(docker.followers, 0)
	})
})
