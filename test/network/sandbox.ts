/** A container's namespace in memory. */
import type { Listener, Sandbox, SharedLoopbacks } from '../../src/kernel/verbs.ts'
import { parseIp } from '../../src/model/address.ts'

/** What listens in a container, and whether it is looked into. */
export class FakeSandbox implements Sandbox {
	readonly link = 2
	isClosed = false
	/** What of its loopback is shared with the host; absent before, and after it has left. */
	shared: SharedLoopbacks | undefined
	fails = false
	/** Called once, after the next look. */
	onLook: () => void = () => undefined
	#listeners: readonly Listener[] = []
	#stirred = true

	listen(...ports: readonly (readonly [protocol: 'tcp' | 'udp', port: number])[]): void {
		this.#listeners = ports.map(([protocol, port]) => ({ protocol, port, ip: parseIp('0.0.0.0'), both: false }))
		this.#stirred = true
	}

	stirred(): boolean {
		const stirred = this.#stirred
		this.#stirred = false
		return stirred
	}

	async listeners(): Promise<readonly Listener[]> {
		if (this.fails) throw new Error('no memory')
		const [seen, onLook] = [this.#listeners, this.onLook]
		this.onLook = () => undefined
		// While nobody listens to anything, nobody has looked.
		if (seen.length > 0) onLook()
		else this.onLook = onLook
		return seen
	}

	async share(shared: SharedLoopbacks): Promise<boolean> {
		this.shared = shared
		return true
	}

	async unshare(): Promise<void> {
		this.shared = undefined
	}

	async close(): Promise<void> {
		this.isClosed = true
	}
}
