/** What a host's kernel holds that somebody could have left behind: links, addresses, routes, rules of every kind. */

import type { Host } from '../support/host.ts'

export type Footprint = Readonly<Record<string, string[]>>

/** Counters, handles, indexes and the time of day come and go; everything else counts. */
function lasting(text: string): string[] {
	return text
		.split('\n')
		.map((line) => line.replace(/\[\d+:\d+\]/, '').replace(/@if\d+|@NONE/, ''))
		.filter((line) => line.trim() !== '' && !line.startsWith('#'))
}

export async function footprint(host: Host): Promise<Footprint> {
	const look = async (...argv: string[]) => lasting(await host.exec(argv))
	const [links, addresses, routes, rules, nft, iptables, legacy] = await Promise.all([
		look('sh', '-c', "ip -br link | awk '{print $1}' | sort"),
		look('sh', '-c', 'ip -br addr | awk \'$1 !~ /^(veth|wv)/ {$2 = ""; print}\' | sort'),
		look('sh', '-c', 'ip route show table all | sort; ip -6 route show | sort'),
		look('sh', '-c', 'ip rule; ip -6 rule'),
		look('nft', '-s', 'list', 'ruleset'),
		look('sh', '-c', 'iptables-nft-save; ip6tables-nft-save'),
		look('sh', '-c', 'iptables-legacy-save 2>/dev/null; ip6tables-legacy-save 2>/dev/null; true'),
	])
	return { links, addresses, routes, rules, nft, iptables, legacy }
}
