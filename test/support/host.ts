/**
 * A Docker host of a test's own: namespaces, an uplink to an "outside", its own dockerd and weftd, its own /run. Nothing
 * of this machine's network or Docker is touched, and everything ends with `stop`, or with the test's process.
 */

import { randomBytes } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { attempt, type CommandOptions, type Outcome, run } from './command.ts'
import { Daemon } from './daemon.ts'
import { type Engine, OWN_ENGINE } from './engine.ts'
import { holdNamespaces, type Namespaces } from './host-namespaces.ts'
import { loadImage } from './image.ts'
import { answers } from './unix-socket.ts'

const WEFTD = fileURLToPath(new URL('../../src/weftd.js', import.meta.url))
/** Debian's docker before any other: a newer client refuses what it knows an older daemon to lack. */
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin'
const DOCKER_SOCKET = '/run/docker.sock'
const WEFT_SOCKET = '/run/docker/plugins/weft.sock'

export interface HostOptions {
	/** Default: this machine's own. */
	readonly engine?: Engine
	/** Start dockerd, and have the test image in it; default true. */
	readonly dockerd?: boolean
	readonly dockerdArgs?: readonly string[]
	/** Start weftd, before dockerd; default true. */
	readonly weftd?: boolean
	/** How weftd is started; default as compiled, with what its traces need. */
	readonly program?: readonly string[]
	/** More environment for weftd. */
	readonly env?: Record<string, string>
}

/** Why no host can be made on this machine, as a `skip` of node:test: false when one can. */
export function noHost(engine: Engine = OWN_ENGINE): string | false {
	if (process.getuid?.() !== 0) return 'needs root, to make namespaces and a private Docker host'
	const missing = ['dockerd', 'docker', 'ip', 'iptables', 'busybox', 'nsenter'].filter((name) => !inPath(name))
	return missing.length > 0 ? `needs ${missing.join(', ')} for a private Docker host` : engine.missing
}

function inPath(name: string): boolean {
	return PATH.split(':').some((folder) => {
		try {
			accessSync(`${folder}/${name}`, constants.X_OK)
			return true
		} catch {
			return false
		}
	})
}

export async function startHost(options: HostOptions = {}): Promise<Host> {
	const cgroup = `weft-test-${randomBytes(4).toString('hex')}`
	const host = new Host(await holdNamespaces(cgroup, options.engine?.usr), cgroup, options)
	try {
		if (options.weftd !== false) await host.startWeftd()
		if (options.dockerd !== false) {
			await host.startDockerd()
			await loadImage(host)
		}
	} catch (error) {
		await host.stop()
		throw error
	}
	return host
}

export class Host {
	readonly weftd: Daemon
	readonly dockerd: Daemon
	/** What a cgroup's name begins with that goes with the host. */
	readonly cgroup: string
	readonly #namespaces: Namespaces
	readonly #options: HostOptions
	readonly #enter: readonly string[]

	constructor(namespaces: Namespaces, cgroup: string, options: HostOptions) {
		this.#namespaces = namespaces
		this.cgroup = cgroup
		this.#options = options
		this.#enter = ['nsenter', '-t', String(namespaces.host), '-m', '-n', '-p', '-u', '-i', '--']
		this.weftd = new Daemon('weftd', this.#enter)
		this.dockerd = new Daemon('dockerd', this.#enter)
	}

	/** What holds the host's namespaces, as this process sees it. */
	get pid(): number {
		return this.#namespaces.host
	}

	/** Runs a program on the host; its output, or an error with its complaint. */
	exec(argv: readonly string[], options?: CommandOptions): Promise<string> {
		return run(this.enter(argv), inHost(options))
	}

	/** As `exec`, but a failure is an outcome like any other. */
	attempt(argv: readonly string[], options?: CommandOptions): Promise<Outcome> {
		return attempt(this.enter(argv), inHost(options))
	}

	/** Runs a program beyond the uplink. */
	outside(argv: readonly string[], options?: CommandOptions): Promise<string> {
		return run(this.enterOutside(argv), inHost(options))
	}

	docker(...args: string[]): Promise<string> {
		return this.exec(['docker', ...args])
	}

	attemptDocker(...args: string[]): Promise<Outcome> {
		return this.attempt(['docker', ...args])
	}

	/** The command line that runs `argv` on the host, for callers who start processes themselves. */
	enter(argv: readonly string[]): string[] {
		return [...this.#enter, ...argv]
	}

	enterOutside(argv: readonly string[]): string[] {
		const { outside } = this.#namespaces
		return ['nsenter', '-t', String(outside), '-n', '--', ...argv]
	}

	/** A path of the host's own file system as this process reaches it. */
	path(path: string): string {
		return `/proc/${this.#namespaces.host}/root${path}`
	}

	async startWeftd(env: Record<string, string> = {}): Promise<void> {
		const settings = {
			WEFT_SOCKET,
			WEFT_ADMIN_SOCKET: '/run/weft/admin.sock',
			WEFT_STATE_DIR: '/run/data/weft',
			WEFT_DOCKER_HOST: `unix://${DOCKER_SOCKET}`,
			WEFT_LOG_LEVEL: 'debug',
		}
		this.weftd.start(this.#options.program ?? [process.execPath, '--enable-source-maps', WEFTD], {
			...inHost().env,
			...settings,
			...this.#options.env,
			...env,
		})
		await this.weftd.ready(() => answers(this.path(WEFT_SOCKET), 'POST', '/Plugin.Activate'))
	}

	/** SIGTERM, and the exit status. */
	stopWeftd(): Promise<number> {
		return this.weftd.end('SIGTERM')
	}

	async killWeftd(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
		await this.weftd.end(signal)
	}

	async startDockerd(more = this.#options.dockerdArgs ?? []): Promise<void> {
		const folders = ['--data-root', '/run/data/docker', '--exec-root', '/run/docker', '--pidfile', '/run/docker.pid']
		// A host may have systemd, but its /run is not the host's.
		const cgroups = ['--cgroup-parent', `/${this.cgroup}`, '--exec-opt', 'native.cgroupdriver=cgroupfs']
		const argv = ['dockerd', '-H', `unix://${DOCKER_SOCKET}`, ...folders, ...cgroups]
		this.dockerd.start([...argv, ...more], inHost().env)
		await this.dockerd.ready(() => answers(this.path(DOCKER_SOCKET), 'GET', '/_ping'))
	}

	stopDockerd(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
		return this.dockerd.end(signal)
	}

	/** Ends everything that runs in the host, and the host. */
	async stop(): Promise<void> {
		await this.#namespaces.end()
		await Promise.all([this.dockerd.ended(), this.weftd.ended()])
	}
}

/** The environment of a host's programs: one PATH, and no word of another Docker Engine. */
function inHost(options: CommandOptions = {}): CommandOptions & { env: Record<string, string> } {
	return { ...options, env: { PATH, DOCKER_HOST: `unix://${DOCKER_SOCKET}`, DOCKER_CONFIG: '/run', ...options.env } }
}
