/** What others take away from weft's networks in the kernel is made good. Told by the kernel's own notifications. */
import { Keeper, type KeeperLog } from '../keeper.ts'
import { type Host, settledBridges } from './host.ts'

export class Repairs {
	readonly #table: Keeper
	readonly #passage: Keeper

	/** Nothing is repaired before `ready`, when all has been made true for the first time. */
	constructor(host: Host, ready: Promise<void>, log: KeeperLog) {
		const keeper = (repair: () => Promise<readonly string[]>, settle?: number): Keeper => {
			return new Keeper(() => ready.catch(() => undefined).then(repair), log, settle)
		}
		// At once: without the table the host itself answers for published ports, and resets their connections.
		this.#table = keeper(async () => {
			await host.kernel.renewTables()
			return ["made weft's tables anew"]
		}, 0)
		this.#passage = keeper(() => host.kernel.keepPassage(() => settledBridges(host), true))
	}

	/** Somebody else changed weft's own table; `cause` is for people. */
	tableChanged(cause: string): void {
		this.#table.tell(cause)
	}

	/** Somebody changed what may stop weft's packets. */
	passageChanged(cause: string): void {
		this.#passage.tell(cause)
	}

	/** Waits for the repairs under way; there will be no others. */
	async close(): Promise<void> {
		await Promise.all([this.#table.close(), this.#passage.close()])
	}
}
