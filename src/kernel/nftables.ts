/** Runs nft commands: through libnftables in this process, or through the nft program where that is not installed. */
import { closeSync, openSync } from 'node:fs'
import { WeftError } from '../errors.ts'
import { run } from './exec.ts'
import { LOW_FILES, loadNftables } from './ffi.ts'
import type { NftRunner } from './firewall.ts'
import type { Nftables, NftContext } from './libnftables.ts'
import { NETLINK_NETFILTER } from './netlink/nftables.ts'
import { netlinkPorts } from './netlink/ports.ts'
import type { Visit } from './netns.ts'

/**
 * Characters that were sent and printed, from which on memory is given back: libnftables takes some hundred megabytes for the
 * elements of ten thousand containers, and frees them, but the C library would keep them.
 */
const LARGE = 1 << 19

/** Numbers of files that other threads may take in the meantime. */
const SPARE = 24

/** The number that the next file gets. With one that select(2) does not know the library would end the process. */
function lowestFree(): number {
	const fd = openSync('/dev/null', 'r')
	closeSync(fd)
	return fd
}

/** The call under way, of whichever context: nobody promises that two threads may be in the library at once. */
let underWay: Promise<unknown> = Promise.resolve()

/** Calls go one after the other. */
export class Nft {
	readonly #library: Nftables
	readonly #context: NftContext
	#closed = false

	private constructor(library: Nftables, context: NftContext) {
		this.#library = library
		this.#context = context
	}

	/**
	 * In the network namespace of the calling thread. @throws WeftError `system` without libnftables, or where too many files are
	 * open
	 */
	static open(): Nft {
		const library = loadNftables()
		if (lowestFree() >= LOW_FILES - SPARE)
			throw new WeftError('system', 'too many files are open for one more of nftables')
		const context = library.newContext()
		library.bufferOutput(context)
		library.bufferError(context)
		return new Nft(library, context)
	}

	/** What they print: the answer to `list`. */
	run(commands: string): Promise<string> {
		if (this.#closed) return Promise.reject(new WeftError('system', 'nftables was closed'))
		const result = underWay.then(() => this.#run(commands))
		underWay = result.catch(() => undefined)
		return result
	}

	async #run(commands: string): Promise<string> {
		const result = await this.#library.runCommand(this.#context, commands)
		// The buffers are emptied by the call that follows; reading them keeps them small.
		const said = this.#library.errorBuffer(this.#context)
		const printed = this.#library.outputBuffer(this.#context)
		if (commands.length + printed.length > LARGE) await this.#library.trim()
		if (result !== 0) throw new WeftError('system', `nftables: ${firstLine(said)}`)
		return printed
	}

	/**
	 * The netlink ports from which this process changes rules. libnftables tells nobody its own, and the kernel gives it
	 * one when it sends for the first time.
	 */
	async ports(): Promise<number[]> {
		await this.run('list tables')
		return netlinkPorts(NETLINK_NETFILTER)
	}

	/** After the calls under way. */
	close(): void {
		this.#closed = true
		void underWay.then(() => this.#library.freeContext(this.#context))
	}
}

/** libnftables prints the command and a marker below the reason; the reason is what a person can use. */
function firstLine(text: string): string {
	return text.trim().split('\n')[0] ?? 'failed without a reason'
}

/** Whether the kernel has nftables for bridges: a few are built without. The table that tells is gone in the same turn. */
export async function filtersBridges(run: NftRunner): Promise<boolean> {
	const table = 'table bridge weft-probe'
	try {
		await run(`${table} {\n\tchain probe {\n\t\ttype filter hook forward priority 0\n\t}\n}\ndelete ${table}\n`)
		return true
	} catch {
		return false
	}
}

/** Once, in another network namespace. @throws WeftError as Nft.open and Nft.run do */
export async function runNftIn(visit: Visit, commands: string): Promise<string> {
	const nft = visit(() => Nft.open())
	try {
		return await nft.run(commands)
	} finally {
		nft.close()
	}
}

/** The same through the program nft(8): 7 to 16 ms a change instead of 0.2, and nothing else differs. */
export const runNftProgram: NftRunner = (commands) => run('nft', ['-f', '-'], commands)
