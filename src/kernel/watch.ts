/** Everything that tells of what others do on this host. Opened in the network namespace of the calling thread. */
import { LegacyIptables } from './legacy-iptables.ts'
import { type LinkListener, linkMonitor } from './netlink/link-monitor.ts'
import type { Monitor } from './netlink/monitor.ts'
import type { Nft } from './nftables.ts'
import { type RuleListener, ruleMonitor } from './rule-monitor.ts'

export class Watch {
	readonly #listener: RuleListener
	readonly #links: Monitor
	readonly #legacy: LegacyIptables
	#rules: Monitor | undefined

	constructor(listener: RuleListener, ...links: readonly LinkListener[]) {
		this.#listener = listener
		this.#links = linkMonitor(...links)
		this.#legacy = new LegacyIptables(() => listener.passageChanged('legacy iptables was used'))
	}

	openLinks(): void {
		this.#links.open()
	}

	/**
	 * Deaf to what weft changes itself through `nft`. Without it, when each change is made by a program of its own, what
	 * others do to weft's table cannot be told apart and is not told.
	 */
	async openRules(nft: Nft | undefined): Promise<void> {
		const deaf = {
			tableChanged: () => undefined,
			passageChanged: (cause: string) => this.#listener.passageChanged(cause),
		}
		this.#rules = ruleMonitor(nft === undefined ? deaf : this.#listener)
		this.#rules.open(await nft?.ports())
		this.#legacy.open()
	}

	close(): void {
		this.#links.close()
		this.#rules?.close()
		this.#legacy.close()
	}
}
