/** What a service manager, which is systemd, wants to hear of a daemon that it started; see sd_notify(3). */
import { sendDatagram } from './ffi.ts'

export class ServiceManager {
	readonly #socket: string
	/** Milliseconds from one sign of life to the next; 0 where none is wanted. */
	readonly #beat: number
	#timer: NodeJS.Timeout | undefined

	/** `env` is that of the process; without a manager nothing is told. */
	constructor(env: Readonly<Record<string, string | undefined>>) {
		this.#socket = env.NOTIFY_SOCKET ?? ''
		// Twice as often as it has to be. sd_watchdog_enabled(3): microseconds.
		this.#beat = Math.floor(Number(env.WATCHDOG_USEC ?? 0) / 2000)
	}

	/** From here on a daemon that hangs is started again. */
	serving(): void {
		this.#tell('READY=1')
		if (this.#beat > 0) this.#timer = setInterval(() => this.#tell('WATCHDOG=1'), this.#beat).unref()
	}

	stopping(): void {
		clearInterval(this.#timer)
		this.#tell('STOPPING=1')
	}

	#tell(state: string): void {
		if (this.#socket === '') return
		try {
			sendDatagram(this.#socket, state)
		} catch {
			// It is gone, or has more to read than it can hold: nothing that a daemon could mend.
		}
	}
}
