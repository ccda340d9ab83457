/** The key with which this host speaks WireGuard: made at the first need, on record here alone, replaced by another one. */
import { generateKeyPairSync } from 'node:crypto'
import type { HostKey, KeyPair } from '../model/node.ts'
import type { Store } from './store.ts'

/** The one on record, which is made where there is none. @throws WeftError `system` when the disk refuses */
export async function hostKey(store: Store): Promise<KeyPair> {
	const known = store.get('hostKey', '', '')
	if (known !== undefined) return known
	const made = newKeyPair()
	await put(store, made)
	return made
}

/**
 * Has another one from when the other hosts know, which `tell` sees to. A crash before that, or its failure, leaves the former
 * one. @throws WeftError `system` when the disk refuses, and what `tell` throws
 */
export async function replaceHostKey(store: Store, tell: (publicKey: string) => Promise<void>): Promise<void> {
	const { publicKey, privateKey } = await hostKey(store)
	const next = newKeyPair()
	await put(store, { publicKey, privateKey, next })
	await tell(next.publicKey)
	await put(store, next)
}

/** Undefined for a key that this host does not have. */
export function privateKeyOf(store: Pick<Store, 'get'>, publicKey: string): string | undefined {
	const key = store.get('hostKey', '', '')
	return [key, key?.next].find((each) => each?.publicKey === publicKey)?.privateKey
}

function put(store: Store, value: HostKey): Promise<void> {
	return store.commit([{ kind: 'hostKey', group: '', id: '', value }])
}

function newKeyPair(): KeyPair {
	const { privateKey } = generateKeyPairSync('x25519')
	const { d = '', x = '' } = privateKey.export({ format: 'jwk' })
	return { publicKey: base64(x), privateKey: base64(d) }
}

/** JSON Web Keys have the URL-safe alphabet, and no padding (RFC 8037). */
function base64(text: string): string {
	return Buffer.from(text, 'base64url').toString('base64')
}
