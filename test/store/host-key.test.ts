/** The key of this host: made once, replaced only when the others know, and known by its public half. */
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { test } from 'node:test'
import { isKey, keyBytes } from '../../src/model/node.ts'
import { hostKey, privateKeyOf, replaceHostKey } from '../../src/store/host-key.ts'
import { MemoryStore } from '../support/memory-store.ts'

/** RFC 8410: what comes before the 32 bytes of a private key. */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex')

test('a key pair is of Curve25519, and its halves belong together', async () => {
	const [one, two] = [await hostKey(new MemoryStore()), await hostKey(new MemoryStore())]
	assert.ok([one.publicKey, one.privateKey, two.publicKey].every(isKey))
	assert.notEqual(one.privateKey, two.privateKey)
	const whole = { key: Buffer.concat([PKCS8, keyBytes(one.privateKey)]), format: 'der', type: 'pkcs8' } as const
	const { x } = createPublicKey(createPrivateKey(whole)).export({ format: 'jwk' })
	assert.equal(x, keyBytes(one.publicKey).toString('base64url'))
})

test('it is made once, and another key is none of this host', async () => {
	const store = new MemoryStore()
	const key = await hostKey(store)
	assert.deepEqual(await hostKey(store), key)
	assert.equal(store.commits.length, 1)
	assert.equal(privateKeyOf(store, key.publicKey), key.privateKey)
	assert.equal(privateKeyOf(store, (await hostKey(new MemoryStore())).publicKey), undefined)
})

test('another one is on record before anybody is told, and the former one until everybody is', async () => {
	const store = new MemoryStore()
	const former = await hostKey(store)
	let told = ''
	await replaceHostKey(store, async (publicKey) => {
		told = publicKey
		assert.ok(isKey(privateKeyOf(store, publicKey)))
		assert.equal(privateKeyOf(store, former.publicKey), former.privateKey)
		assert.equal((await hostKey(store)).publicKey, former.publicKey)
	})
	assert.equal((await hostKey(store)).publicKey, told)
	assert.equal(privateKeyOf(store, former.publicKey), undefined)
})

test('where the others cannot be told, it is the former one', async () => {
	const store = new MemoryStore()
	const former = await hostKey(store)
	const cut = async () => {
		throw new Error('no etcd answers')
	}
	await assert.rejects(replaceHostKey(store, cut), /no etcd answers/)
	assert.equal((await hostKey(store)).publicKey, former.publicKey)
	assert.equal(privateKeyOf(store, former.publicKey), former.privateKey)
})
