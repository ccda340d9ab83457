/** `weft bundle`: what a person needs who is to help, in one archive. Reads much and changes nothing but that file. */
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { NetworkSummary } from '../admin/api.ts'
import { messageOf, WeftError } from '../errors.ts'
import { run } from '../kernel/exec.ts'
import type { AdminClient } from './client.ts'
import type { Command } from './command.ts'
import { doctor } from './doctor.ts'

const FOLDER = 'weft-bundle'

/** A file of the archive, and what makes its text. */
interface Part {
	readonly name: string
	readonly text: () => Promise<string>
}

const ASKED = ['status', 'settings', 'networks', 'ports', 'pools', 'nodes', 'diff'] as const

/** Programs that only look, by the names of their files. None of them shows a secret of weft's. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
	uname: ['uname', '-a'],
	'os-release': ['cat', '/etc/os-release'],
	'docker-version': ['docker', 'version'],
	'docker-networks': ['docker', 'network', 'ls', '--no-trunc'],
	links: ['ip', '-d', 'link'],
	addresses: ['ip', 'address'],
	'routes-ipv4': ['ip', '-4', 'route', 'show', 'table', 'all'],
	'routes-ipv6': ['ip', '-6', 'route', 'show', 'table', 'all'],
	'rules-ipv4': ['ip', '-4', 'rule'],
	'rules-ipv6': ['ip', '-6', 'rule'],
	neighbours: ['ip', 'neighbour'],
	fdb: ['bridge', 'fdb'],
	settings: ['sysctl', '-a', '--pattern', 'forward|rp_filter|route_localnet|bridge-nf|disable_ipv6'],
	nftables: ['nft', 'list', 'ruleset'],
	'iptables-nft': ['iptables-nft-save'],
	'ip6tables-nft': ['ip6tables-nft-save'],
	'iptables-legacy': ['iptables-legacy-save'],
	'ip6tables-legacy': ['ip6tables-legacy-save'],
	log: ['journalctl', '--no-pager', '-n', '2000', '-u', 'weft.service'],
}

export const bundle: Command = {
	name: 'bundle',
	argument: 'FILE',
	summary: 'an archive for whoever is to help, without secrets',
	help: `Writes a new archive, as in weft bundle weft.tar.gz, for root alone: all that the other commands show, the
settings without passwords, the metrics, this host's links, addresses, routes, firewall rules, and the log of
weft.service. It has names and addresses of this host and its containers: look through it before you hand it
on. The log of a weftd that is no service, or a managed plugin (it is in that of dockerd), is not in it. What
cannot be had is named. Exit status 1 where weftd does not answer.`,
	run: async (client, file) => {
		const { missing, count } = await write(resolve(file), await partsFrom(client))
		const lines = [`${file}: ${count} files. It has names and addresses: look through it before you hand it on.`]
		const text = [...lines, ...missing.map(({ name, error }) => `not in it: ${name}: ${error}`), ''].join('\n')
		return { data: { file, count, missing }, text, fine: !missing.some(({ name }) => name === 'weft/status.json') }
	},
}

async function partsFrom(client: AdminClient): Promise<Part[]> {
	const networks = await client.get<NetworkSummary[]>('/networks').catch(() => [])
	const details = networks.flatMap(({ id }) => [
		asked(client, `networks/${id}`),
		asked(client, `networks/${id}/addresses`),
	])
	return [
		...ASKED.map((path) => asked(client, path)),
		...details,
		{ name: 'weft/metrics.txt', text: () => client.text('/metrics') },
		{ name: 'weft/doctor.txt', text: async () => (await doctor.run(client, '')).text },
		...Object.entries(PROGRAMS).map(([name, [program = '', ...args]]): Part => {
			return { name: `host/${name}.txt`, text: () => run(program, args) }
		}),
	]
}

function asked(client: AdminClient, path: string): Part {
	const name = `weft/${path.replaceAll('/', '-')}.json`
	return { name, text: async () => JSON.stringify(await client.get(`/${path}`), null, 2) }
}

interface Written {
	readonly count: number
	readonly missing: readonly { readonly name: string; readonly error: string }[]
}

async function write(file: string, parts: readonly Part[]): Promise<Written> {
	await reserve(file)
	const work = await mkdtemp(join(tmpdir(), 'weft-bundle-'))
	try {
		for (const folder of ['weft', 'host']) await mkdir(join(work, FOLDER, folder), { recursive: true })
		const missing: { name: string; error: string }[] = []
		for (const { name, text } of parts) {
			try {
				await writeFile(join(work, FOLDER, name), `${(await text()).trimEnd()}\n`)
			} catch (error) {
				missing.push({ name, error: messageOf(error) })
			}
		}
		await run('tar', ['-czf', file, '-C', work, FOLDER])
		return { count: parts.length - missing.length, missing }
	} catch (error) {
		await rm(file, { force: true })
		throw error
	} finally {
		await rm(work, { recursive: true })
	}
}

/** Nobody else's file is written over, and nobody else reads this one. */
async function reserve(file: string): Promise<void> {
	try {
		await (await open(file, 'wx', 0o600)).close()
	} catch (error) {
		throw new WeftError('system', `the archive cannot be written: ${messageOf(error)}`, { cause: error })
	}
}
