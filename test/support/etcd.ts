/** An etcd on the loopback, as `fetch-programs` brought it: of one member or several, with TLS or a login. Ends with the test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './command.ts'
import { eventually } from './eventually.ts'

const FOLDER = '/var/cache/weft-test/etcd/usr/bin'

/** Why none can be started, as a `skip` of node:test: false when one can. */
export function noEtcd(): string | false {
	return existsSync(FOLDER) ? false : `needs etcd in ${FOLDER}, where test/support/fetch-programs puts it`
}

/** What node:test's context of a test and its module of hooks have in common. */
interface Scope {
	after(work: () => Promise<void>): void
}

/** Files, in PEM. */
export interface Certificates {
	readonly ca: string
	readonly cert: string
	readonly key: string
}

interface EtcdSettings {
	/** Clients have to show a certificate as well. */
	readonly tls?: Certificates
	/** Seconds for which a login lasts when it is not used. */
	readonly loginLasts?: number
	/** Elsewhere than on the loopback: the command line that leads there, and the address that it has. */
	readonly at?: { readonly enter: readonly string[]; readonly address: string }
}

/** Where one is on the loopback of a test host. */
export function loopbackOf({ pid }: { readonly pid: number }): NonNullable<EtcdSettings['at']> {
	return { enter: ['nsenter', '-t', String(pid), '-n', '--'], address: '127.0.0.1' }
}

/** One member. */
export class Etcd {
	readonly url: string
	readonly #argv: readonly string[]
	readonly #ctl: readonly string[]
	#child: ChildProcess | undefined
	#log = ''

	constructor(url: string, argv: readonly string[], { tls, at }: EtcdSettings) {
		this.url = url
		this.#argv = [...(at?.enter ?? []), `${FOLDER}/etcd`, ...argv]
		const certificates = tls === undefined ? [] : ['--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key]
		this.#ctl = [...(at?.enter ?? []), `${FOLDER}/etcdctl`, `--endpoints=${url}`, ...certificates]
	}

	start(): void {
		const child = spawn('setpriv', ['--pdeathsig', 'KILL', ...this.#argv], {
			stdio: ['ignore', 'ignore', 'pipe'],
		})
		child.stderr.setEncoding('utf8').on('data', (text) => {
			this.#log += text
		})
		this.#child = child
	}

	/** Until it has a leader. */
	async ready(): Promise<void> {
		const what = () => `etcd: ${this.#log.slice(-2000)}`
		await eventually(() => this.ctl('get', 'none').then(Boolean, (error) => /user name is empty/.test(error.message)), {
			what,
			within: 30_000,
		})
	}

	/** What etcdctl says, an empty line at least. */
	async ctl(...argv: string[]): Promise<string> {
		return `${await run([...this.#ctl, '--command-timeout=2s', ...argv])}\n`
	}

	/** A number that it counts, as Prometheus has it. Without TLS only. */
	async metric(name: string): Promise<string | undefined> {
		const text = await (await fetch(`${this.url}/metrics`)).text()
		return new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]
	}

	signal(signal: NodeJS.Signals): void {
		this.#child?.kill(signal)
	}

	async stop(): Promise<void> {
		const child = this.#child
		this.#child = undefined
		if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
		const gone = once(child, 'exit')
		child.kill('SIGKILL')
		await gone
	}
}

/** Members that have a leader. */
export async function startEtcd(t: Scope, size = 1, settings: EtcdSettings = {}): Promise<Etcd[]> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-etcd-'))
	const ports = await freePorts(size * 2)
	const scheme = settings.tls === undefined ? 'http' : 'https'
	const members = Array.from({ length: size }, (_, n) => ({
		name: `m${n}`,
		client: `${scheme}://${settings.at?.address ?? '127.0.0.1'}:${ports[n * 2]}`,
		peer: `http://127.0.0.1:${ports[n * 2 + 1]}`,
	}))
	const all = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
	const etcds = members.map(({ name, client, peer }) => {
		const places = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer]
		const cluster = ['--initial-advertise-peer-urls', peer, '--initial-cluster', all, '--name', name]
		// Leases may end after one second then.
		const pace = ['--heartbeat-interval', '20', '--election-timeout', '200', '--logger', 'zap']
		const data = ['--data-dir', join(directory, name), ...optionsOf(settings)]
		return new Etcd(client, [...places, ...cluster, ...pace, ...data], settings)
	})
	t.after(async () => {
		await Promise.all(etcds.map((each) => each.stop()))
		await rm(directory, { recursive: true, force: true })
	})
	for (const each of etcds) each.start()
	await Promise.all(etcds.map((each) => each.ready()))
	return etcds
}

function optionsOf({ tls, loginLasts }: EtcdSettings): string[] {
	const login = loginLasts === undefined ? [] : ['--auth-token-ttl', String(loginLasts)]
	if (tls === undefined) return login
	const files = ['--trusted-ca-file', tls.ca, '--cert-file', tls.cert, '--key-file', tls.key]
	return [...login, '--client-cert-auth', ...files]
}

async function freePorts(count: number): Promise<number[]> {
	const servers = await Promise.all(
		Array.from({ length: count }, async () => {
			const server = createServer().listen(0, '127.0.0.1')
			await once(server, 'listening')
			return server
		}),
	)
	const ports = servers.map((server) => (server.address() as { port: number }).port)
	await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
	return ports
}

/** An authority of its own, and a certificate of it for an address, good for a server and a client. */
export async function makeCertificates(
	t: Scope,
	address = '127.0.0.1',
	subject = '/CN=weft test',
): Promise<Certificates> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-certs-'))
	t.after(() => rm(directory, { recursive: true, force: true }))
	const [ca, caKey, cert, key] = ['ca.pem', 'ca.key', 'cert.pem', 'cert.key'].map((name) => join(directory, name))
	const fresh = [
		'openssl',
		'req',
		'-x509',
		'-newkey',
		'ec',
		'-pkeyopt',
		'ec_paramgen_curve:P-256',
		'-nodes',
		'-days',
		'2',
	]
	await run([...fresh, '-subj', '/CN=weft test authority', '-keyout', caKey, '-out', ca] as string[])
	const uses = ['-addext', `subjectAltName=IP:${address}`, '-addext', 'extendedKeyUsage=serverAuth,clientAuth']
	const signed = ['-CA', ca, '-CAkey', caKey, '-subj', subject, '-keyout', key, '-out', cert]
	await run([...fresh, ...uses, ...signed] as string[])
	return { ca, cert, key } as Certificates
}
