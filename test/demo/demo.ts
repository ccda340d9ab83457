/** What `make demo` shows: a network of weft's, two containers on it that talk, a published port, and nothing left. */

import type { Outcome } from '../support/command.ts'
import { IMAGE, loadImage } from '../support/image.ts'
import { openStage, type Stage } from './stage.ts'

const NETWORK = 'weft-demo'
const WEB = 'weft-demo-web'
const CLIENT = 'weft-demo-client'
const PORT = 8080

async function show(stage: Stage, line: string): Promise<string> {
	console.log(`\n$ ${line}`)
	return told(line, await stage.host(line.split(' ')))
}

function told(line: string, outcome: Outcome): string {
	const output = outcome.stdout.trimEnd()
	if (output) console.log(output)
	if (outcome.code !== 0) throw new Error(`"${line}" failed: ${outcome.stderr.trim() || `exit ${outcome.code}`}`)
	return output
}

function note(text: string): void {
	console.log(`\n# ${text}`)
}

async function addressOf(stage: Stage, container: string): Promise<string> {
	const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
	return (await stage.host(['docker', 'inspect', '-f', format, container])).stdout.trim()
}

async function play(stage: Stage): Promise<void> {
	note('a network: the driver and the addresses are weft')
	await show(stage, `docker network create --driver weft --ipam-driver weft ${NETWORK}`)
	note('two containers on it, one with a published port')
	await show(stage, `docker run -d --name ${WEB} --net ${NETWORK} -p ${PORT}:80 ${IMAGE} httpd -f -h /www`)
	await show(stage, `docker run -d --name ${CLIENT} --net ${NETWORK} ${IMAGE}`)
	note('they talk: by name, by address, and over TCP')
	await show(stage, `docker exec ${CLIENT} ping -c 2 ${WEB}`)
	await show(stage, `docker exec ${WEB} ping -c 2 ${await addressOf(stage, CLIENT)}`)
	await show(stage, `docker exec ${CLIENT} wget -qO- http://${WEB}/`)
	note('the published port answers on the host')
	await show(stage, `busybox wget -qO- http://127.0.0.1:${PORT}/`)
	if (stage.outside) {
		note('and from another machine')
		const line = `busybox wget -qO- http://${stage.outside.address}:${PORT}/`
		console.log(`$ ${line}`)
		told(line, await stage.outside.run(line.split(' ')))
	}
	note('what that is in the kernel')
	await show(stage, 'ip -br link')
}

/** The names that are taken on somebody's own Docker Engine: those are not ours to remove. */
async function refuseTaken(stage: Stage): Promise<void> {
	for (const [kind, name] of [
		['container', WEB],
		['container', CLIENT],
		['network', NETWORK],
	] as const) {
		const taken = (await stage.host(['docker', kind, 'inspect', name])).code === 0
		if (taken) throw new Error(`a ${kind} ${name} exists already; the demo would remove it (docker ${kind} rm ${name})`)
	}
}

async function cleanUp(stage: Stage): Promise<void> {
	note('clean-up')
	await show(stage, `docker rm -f ${WEB} ${CLIENT}`)
	await show(stage, `docker network rm ${NETWORK}`)
	await show(stage, 'ip -br link')
}

async function demo(stage: Stage): Promise<void> {
	console.log(`# ${stage.story}`)
	await refuseTaken(stage)
	const quietly = async (...args: string[]) => (await stage.host(['docker', ...args])).stdout
	const borrowed = (await quietly('image', 'ls', '-q', IMAGE)) !== ''
	if (!borrowed) await loadImage({ docker: quietly })
	try {
		await play(stage)
		await cleanUp(stage)
	} catch (error) {
		await quietly('rm', '-f', WEB, CLIENT)
		await quietly('network', 'rm', NETWORK)
		throw error
	} finally {
		if (!borrowed) await quietly('rmi', IMAGE)
	}
}

// Ctrl-C also reaches the command that runs, which fails; the ordinary way out then removes everything.
process.on('SIGINT', () => {})

try {
	const stage = await openStage()
	let ended = ''
	try {
		await demo(stage)
	} finally {
		ended = await stage.end()
	}
	console.log(`\n# Removed: both containers and the network. Ended: ${ended}.`)
} catch (error) {
	console.error(`\nmake demo: ${error instanceof Error ? error.message : error}`)
	process.exitCode = 1
}
