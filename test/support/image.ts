/** `weft-test:latest`: busybox and nothing else, for the containers of tests. Packed once a machine, imported per host. */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.ts'

export const IMAGE = 'weft-test:latest'

/** What can run a docker command, a private host or this machine. */
export interface DockerClient {
	docker(...args: string[]): Promise<string>
}

export async function loadImage(client: DockerClient): Promise<void> {
	// A first process hears only the signals that it waits for, and Docker would wait 10 s for the end of another.
	const command = JSON.stringify(['sh', '-c', 'trap exit TERM; sleep 86400 & wait'])
	await client.docker('import', '--change', `CMD ${command}`, await imageTar(), IMAGE)
}

/** The tar with the image's files; named by busybox's content, so that an upgraded one is packed anew. */
async function imageTar(): Promise<string> {
	const program = await readFile(await run(['sh', '-c', 'command -v busybox']))
	const tar = join(tmpdir(), `weft-test-${createHash('sha256').update(program).digest('hex').slice(0, 12)}.tar`)
	if (!existsSync(tar)) await packImage(program, tar)
	return tar
}

async function packImage(program: Buffer, tar: string): Promise<void> {
	const work = await mkdtemp(join(tmpdir(), 'weft-image-'))
	try {
		const root = join(work, 'root')
		for (const folder of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'www']) {
			await mkdir(join(root, folder), { recursive: true })
		}
		await writeFile(join(root, 'bin/busybox'), program, { mode: 0o755 })
		await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n')
		await writeFile(join(root, 'www/index.html'), 'hello from a container on weft\n')
		const applets = await run([join(root, 'bin/busybox'), '--list'])
		for (const applet of applets.split('\n')) {
			if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet))
		}
		await run(['tar', '-C', root, '--owner=0', '--group=0', '-cf', join(work, 'image.tar'), '.'])
		// Another test may be packing the same one: whole files only, and the last one wins.
		await rename(join(work, 'image.tar'), tar)
	} finally {
		await rm(work, { recursive: true, force: true })
	}
}
