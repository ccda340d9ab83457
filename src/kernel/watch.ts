/** Everything that tells of what others do on this host. Opened in the network namespace of the calling thread. */
import { LegacyIptables } from './legacy-iptables.ts'
import type { LinkInfo } from './netlink/link.ts'
import { type LinkListener, linkMonitor } from './netlink/link-monitor.ts'
import type { Monitor } from './netlink/monitor.ts'
import { routeMonitor } from './netlink/route-monitor.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'
import type { Nft } from './nftables.ts'
import { type RuleListener, ruleMonitor } from './rule-monitor.ts'

export interface Onlooker extends RuleListener {
	linkChanged(link: LinkInfo): void
	linkGone(link: LinkInfo): void
	/** A link has lost an address. */
	linkBared(name: string): void
	/** The links of which it is to be told that they lose a route or a neighbour. */
	acrossLinks(): ReadonlySet<string>
	linkStripped(name: string, what: 'route' | 'neighbour'): void
	/** A rule that led packets to this table of routes is gone. */
	tableUnled(table: number): void
	/** More links changed than could be followed. */
	linksLost(): void
}

export class Watch {
	readonly #listener: Onlooker
	readonly #links: Monitor
	readonly #routes: Monitor
	readonly #legacy: LegacyIptables
	#rules: Monitor | undefined

	constructor(listener: Onlooker, rtnetlink: Rtnetlink, ...links: readonly LinkListener[]) {
		this.#listener = listener
		this.#links = linkMonitor(linkListener(listener, rtnetlink), ...links)
		this.#routes = routeMonitor({
			stripped: (index, what) => {
				for (const name of listener.acrossLinks())
					if (rtnetlink.indexOf(name) === index) listener.linkStripped(name, what)
			},
			unled: (table) => listener.tableUnled(table),
			lost: () => listener.linksLost(),
		})
		this.#legacy = new LegacyIptables(() => listener.passageChanged('iptables', 'legacy iptables was used'))
	}

	openLinks(): void {
		this.#links.open()
		this.#routes.open()
	}

	/**
	 * Deaf to what weft changes itself through `nft`. Without it, when each change is made by a program of its own, what
	 * others do to weft's table cannot be told apart and is not told.
	 */
	async openRules(nft: Nft | undefined): Promise<void> {
		const deaf: RuleListener = {
			tableChanged: () => undefined,
			passageChanged: (gate, cause) => this.#listener.passageChanged(gate, cause),
		}
		this.#rules = ruleMonitor(nft === undefined ? deaf : this.#listener)
		this.#rules.open(await nft?.ports())
		this.#legacy.open()
	}

	close(): void {
		this.#links.close()
		this.#routes.close()
		this.#rules?.close()
		this.#legacy.close()
	}
}

function linkListener(listener: Onlooker, rtnetlink: Rtnetlink): LinkListener {
	return {
		changed: (link) => listener.linkChanged(link),
		gone: (link) => listener.linkGone(link),
		bared: async (index) => {
			// One that is gone by now is told of as well.
			const link = await rtnetlink.link(index).catch(() => undefined)
			if (link !== undefined) listener.linkBared(link.name)
		},
		lost: () => listener.linksLost(),
	}
}
