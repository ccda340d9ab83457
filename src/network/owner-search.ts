/** Asks Docker for the containers that own networks, and opens their namespaces. */
import type { ContainerKernel } from '../kernel/verbs.ts'
import type { Told } from './following.ts'
import type { Container } from './owner-choice.ts'

export interface ContainerView extends Told {
	/** All of this host. May take for ever, or `patience` in milliseconds. */
	list(patience?: number): Promise<readonly Container[]>
	/** Of the first process; undefined of a container that does not run. */
	pidOf(id: string): Promise<number | undefined>
	/** The namespace of a process. */
	open(pid: number): ContainerKernel
}

/** A container that runs: with a kernel in its namespace where that is not open yet, until an owner has it. */
export interface Found {
	readonly pid: number
	kernel?: ContainerKernel
}

export interface Findings {
	/** Those that run, by their ids. */
	readonly found: Map<string, Found>
	/** Ids of those of which it is not known. */
	readonly unknown: Set<string>
	readonly errors: unknown[]
}

/** `pidOf` is of those whose namespace is open. Whoever gets the kernels closes them. */
export async function searchOwners(
	view: ContainerView,
	ids: Iterable<string>,
	pidOf: (id: string) => number | undefined,
): Promise<Findings> {
	const findings: Findings = { found: new Map(), unknown: new Set(), errors: [] }
	for (const id of ids) {
		await search(view, id, pidOf(id), findings.found).catch((error: unknown) => {
			findings.unknown.add(id)
			findings.errors.push(error)
		})
	}
	return findings
}

async function search(
	view: ContainerView,
	id: string,
	open: number | undefined,
	found: Map<string, Found>,
): Promise<void> {
	// It stays where Docker does not answer.
	if (open !== undefined) found.set(id, { pid: open })
	const pid = await view.pidOf(id)
	if (pid === open) return
	found.delete(id)
	if (pid === undefined) return
	const kernel = view.open(pid)
	found.set(id, { pid, kernel })
	// Its number may have become another process's in between.
	if ((await view.pidOf(id)) === pid) return
	found.delete(id)
	await kernel.close()
}
