/** The processes of this machine, as /proc shows them. */
import { readdir, readFile } from 'node:fs/promises'
import { PROC } from './host-files.ts'

export async function processIds(): Promise<string[]> {
	return (await readdir(PROC)).filter((name) => /^\d+$/.test(name))
}

/** At most 15 characters, as the kernel keeps them; undefined of a process that has ended. */
export async function processName(pid: string): Promise<string | undefined> {
	return (await readFile(`${PROC}/${pid}/comm`, 'utf8').catch(() => undefined))?.trimEnd()
}

/** Whether a process of that name is seen. Goes through all of them, if it has to. */
export async function isRunning(name: string): Promise<boolean> {
	for (const pid of await processIds()) if ((await processName(pid)) === name) return true
	return false
}
