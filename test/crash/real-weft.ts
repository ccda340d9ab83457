/** weftd on a private host, killed with SIGKILL at any moment and started again, and sandboxes as dockerd makes them. */
import { type Sandbox, startSandbox } from '../support/crowd.ts'
import type { Host } from '../support/host.ts'
import { type RawAnswer, Wire } from '../support/wire.ts'
import type { Sandboxes } from './docker.ts'
import type { Mortal } from './wire.ts'

const SOCKET = '/run/docker/plugins/weft.sock'

export class RealWeft implements Mortal {
	readonly #host: Host
	readonly #environment: Record<string, string>
	#wire: Wire
	#up: Promise<void> = Promise.resolve()

	private constructor(host: Host, environment: Record<string, string>) {
		this.#host = host
		this.#environment = environment
		this.#wire = this.#dial()
	}

	static async start(host: Host, environment: Record<string, string>): Promise<RealWeft> {
		await host.startWeftd(environment)
		return new RealWeft(host, environment)
	}

	async tryAnswer(method: string, body: string): Promise<RawAnswer | undefined> {
		for (;;) {
			await this.#up
			try {
				return await this.#wire.raw(method, body)
			} catch (error) {
				// Nobody was there to take the call: dockerd dials again.
				const refused = error instanceof Error && 'code' in error && /ECONNREFUSED|ENOENT/.test(String(error.code))
				if (!refused) return undefined
			}
		}
	}

	restarted(): Promise<void> {
		return this.#up
	}

	kill(): Promise<void> {
		this.#up = this.#replace()
		return this.#up
	}

	close(): void {
		this.#wire.close()
	}

	async #replace(): Promise<void> {
		await this.#host.killWeftd()
		this.#wire.close()
		this.#wire = this.#dial()
		await this.#host.startWeftd(this.#environment)
	}

	#dial(): Wire {
		return new Wire(this.#host.path(SOCKET))
	}
}

export interface RealSandboxes extends Sandboxes {
	/** The names of those in there. */
	links(): Promise<string[]>
	end(): Promise<void>
}

export async function realSandboxes(host: Host): Promise<RealSandboxes> {
	const { pid, end }: Sandbox = await startSandbox(host)
	const ip = ['nsenter', `--net=/proc/${pid}/ns/net`, '--', 'ip']
	const inside = [...ip, 'link', 'set']
	return {
		moveIn: async (link) => {
			await host.exec(['ip', 'link', 'set', link, 'netns', pid])
			await host.exec([...inside, link, 'up'])
		},
		// Nothing is left to move where Leave has taken the link away.
		moveOut: async (link) => void (await host.attempt([...inside, link, 'down', 'netns', '1'])),
		links: async () => {
			const links: { ifname: string }[] = JSON.parse(await host.exec([...ip, '-j', 'link']))
			return links.map(({ ifname }) => ifname)
		},
		end,
	}
}
