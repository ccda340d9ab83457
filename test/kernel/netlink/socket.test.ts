/** Which of several dumps stands where the kernel was interrupted; live/netlink-load takes them of a kernel that is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isErrno, WeftError } from '../../../src/errors.ts'
import type { Message } from '../../../src/kernel/netlink/message.ts'
import { type Dump, untilWhole } from '../../../src/kernel/netlink/socket.ts'

function message(sequence: number): Message {
	return { type: 16, flags: 0, sequence, body: Buffer.alloc(0) }
}

/** Dumps that end as these words say, the last for ever; the message of each has its number. */
function dumps(...ends: readonly ('whole' | 'interrupted' | 'ENOBUFS' | 'EPERM')[]) {
	let count = 0
	const dump = async (): Promise<Dump<Message>> => {
		const end = ends[Math.min(count++, ends.length - 1)] ?? 'whole'
		if (end === 'ENOBUFS' || end === 'EPERM') throw new WeftError('system', 'refused', { errno: end })
		return { found: [message(count)], interrupted: end === 'interrupted' }
	}
	const stands = async () => (await untilWhole(dump)).map(({ sequence }) => sequence)
	return { stands, count: () => count }
}

test('a dump that was interrupted, or ran over, is taken anew, and nothing of it stays', async () => {
	assert.deepEqual(await dumps('whole').stands(), [1])
	assert.deepEqual(await dumps('interrupted', 'whole').stands(), [2])
	assert.deepEqual(await dumps('interrupted', 'ENOBUFS', 'interrupted', 'whole').stands(), [4])
})

test('on a host that never rests the fifth stands, or its failure', async () => {
	assert.deepEqual(await dumps('interrupted').stands(), [5])
	await assert.rejects(dumps('ENOBUFS').stands(), (error) => isErrno(error, 'ENOBUFS'))
})

test('another failure is not tried again', async () => {
	const { stands, count } = dumps('EPERM')
	await assert.rejects(stands(), (error) => isErrno(error, 'EPERM'))
	assert.equal(count(), 1)
})
