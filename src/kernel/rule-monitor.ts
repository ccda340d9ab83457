/** Tells of what others change in the host's firewall rules, as far as it concerns weft's packets. */
import type { Message } from './netlink/message.ts'
import { Monitor } from './netlink/monitor.ts'
import { NETLINK_NETFILTER, NFNLGRP_NFTABLES, type RuleNotice, readRuleNotice } from './netlink/nftables.ts'
import type { Gate } from './passage.ts'
import { TABLES } from './ruleset.ts'

/** `cause` is for people: who did what. */
export interface RuleListener {
	/** Somebody else changed a table of weft's. */
	tableChanged(cause: string): void
	/** Somebody changed what may stop the packets that weft's tables let through. */
	passageChanged(gate: Gate, cause: string): void
}

type Concern = 'tables' | Gate

/** A monitor that is to be opened deaf to weft's own changes. */
export function ruleMonitor(listener: RuleListener): Monitor {
	/** What of the transaction under way concerns whom. */
	const concerned = new Map<Concern, string>()
	const heard = (message: Message): void => {
		const notice = readRuleNotice(message)
		if (notice?.kind === 'change') note(concerned, notice)
		if (notice?.kind !== 'done') return
		for (const [concern, what] of concerned) tell(concern, `${notice.program} ${what}`)
		concerned.clear()
	}
	const tell = (concern: Concern, cause: string): void => {
		if (concern === 'tables') listener.tableChanged(cause)
		else listener.passageChanged(concern, cause)
	}
	const lost = (): void => {
		concerned.clear()
		for (const each of ['tables', 'iptables', 'firewalld'] as const)
			tell(each, 'more rules changed than could be followed')
	}
	return new Monitor(NETLINK_NETFILTER, [NFNLGRP_NFTABLES], { heard, lost })
}

type Change = Extract<RuleNotice, { kind: 'change' }>

const VERBS = { new: 'made', gone: 'deleted', changed: 'changed' } as const

/** That the table is gone says more than what went before it. */
function note(concerned: Map<Concern, string>, change: Change): void {
	const concern = concernOf(change)
	if (concern === undefined || (concerned.has(concern) && change.whole !== 'gone')) return
	const name = [change.family, change.table, change.chain ?? ''].join(' ').trimEnd()
	concerned.set(concern, `${VERBS[change.whole ?? 'changed']} ${name}`)
}

/**
 * iptables' rules are in tables of nftables too, unless it is the legacy one; of its filter only FORWARD's way counts.
 * firewalld makes its table anew when it starts and when it is loaded anew.
 */
function concernOf({ family, table, chain, whole }: Change): Concern | undefined {
	if (TABLES.some(({ name }) => name === `${family} ${table}`)) return 'tables'
	const filter = table === 'filter' && (family === 'ip' || family === 'ip6')
	if (filter && (whole !== undefined || chain === 'FORWARD' || chain === 'DOCKER-USER')) return 'iptables'
	return family === 'inet' && table === 'firewalld' && whole === 'new' ? 'firewalld' : undefined
}
