/** Visits to other network namespaces, to open sockets that stay there. */
import { closeSync, openSync } from 'node:fs'
import { WeftError, within } from '../errors.ts'
import { setNetns } from './ffi.ts'

const OWN = '/proc/thread-self/ns/net'

/** Runs work in a namespace, on the calling thread: see withNetns. */
export type Visit = <T>(work: () => T) => T

/** Goes nowhere. */
export const HERE: Visit = (work) => work()

/** To the namespace that a descriptor of this process refers to. */
export function visitor(namespace: number): Visit {
	return (work) => withNetns(`/proc/self/fd/${namespace}`, work)
}

/**
 * Runs `work` on this thread in the namespace at `path`, such as /proc/1234/ns/net. It must be synchronous: other work
 * of this thread would find itself abroad, and calls on the thread pool never leave home.
 */
export function withNetns<T>(path: string, work: () => T): T {
	const home = openSync(OWN, 'r')
	try {
		return visit(path, home, work)
	} finally {
		closeSync(home)
	}
}

function visit<T>(path: string, home: number, work: () => T): T {
	const abroad = openNamespace(path)
	try {
		setNetns(abroad)
	} catch (error) {
		throw within(`enter network namespace ${path}`, error)
	} finally {
		closeSync(abroad)
	}
	try {
		const result = work()
		if (result instanceof Promise) throw new WeftError('system', 'work in a network namespace must be synchronous')
		return result
	} finally {
		comeHome(home)
	}
}

function openNamespace(path: string): number {
	try {
		return openSync(path, 'r')
	} catch (error) {
		throw within('open network namespace', error)
	}
}

/** A process left in a foreign namespace would from now on change the wrong host. */
function comeHome(home: number): void {
	try {
		setNetns(home)
	} catch (error) {
		process.stderr.write(`cannot return to the network namespace: ${String(error)}\n`)
		process.abort()
	}
}
