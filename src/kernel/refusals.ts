/** What the kernel's errnos mean where something is made or taken away: nothing was to be done, or why it cannot be, in words. */
import { isErrno, WeftError } from '../errors.ts'
import type { Sort } from './resource.ts'

/** Of a link that cannot have ports the kernel says no more than that this is not supported. */
export async function onBridge(name: string | undefined, work: Promise<void>): Promise<void> {
	try {
		await work
	} catch (error) {
		throw name !== undefined && isErrno(error, 'EOPNOTSUPP')
			? new WeftError('in-use', `${name} is not a bridge`, { cause: error })
			: error
	}
}

/** True when it made something; false when it was there. */
export async function unlessThere(work: Promise<void>): Promise<boolean> {
	try {
		await work
		return true
	} catch (error) {
		if (isErrno(error, 'EEXIST')) return false
		throw error
	}
}

/** The kernel's refusals of one more link on a parent, of which it says no more. */
export async function onParent(parent: string, sort: Sort, work: Promise<void>): Promise<void> {
	try {
		await work
	} catch (error) {
		const why = refusalOf(sort, error)
		if (why === undefined) throw error
		throw new WeftError('in-use', `the parent ${parent} ${why}`, { cause: error })
	}
}

function refusalOf({ kind }: Sort, error: unknown): string | undefined {
	const other = kind === 'macvlan' ? 'an ipvlan' : 'a macvlan'
	if (isErrno(error, 'EBUSY')) return `is in use by something that has all its packets, such as a bridge or ${other}`
	if (!isErrno(error, 'EINVAL')) return undefined
	return kind === 'macvlan'
		? 'has a link in passthru, or others where this one is to be in passthru'
		: 'is not of Ethernet, which an ipvlan needs'
}

/** Kernels can be built without a kind of link. */
export async function knownKind(kind: string, work: Promise<void>): Promise<void> {
	try {
		await work
	} catch (error) {
		if (!isErrno(error, 'EOPNOTSUPP')) throw error
		throw new WeftError('system', `this kernel has no links of the kind ${kind}`, { cause: error })
	}
}

/** The kernel's ways to say that something is not there. */
export async function unlessGone(work: Promise<unknown>): Promise<void> {
	try {
		await work
	} catch (error) {
		if (!isErrno(error, 'ENODEV', 'ENOENT', 'ESRCH', 'EADDRNOTAVAIL')) throw error
	}
}
