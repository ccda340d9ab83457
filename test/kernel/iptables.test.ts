/** Where the one rule for marked packets goes, over what `iptables -S` lists on hosts of many kinds. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { needsAccept, planAccept } from '../../src/kernel/iptables.ts'
import { expectGoldenJson } from '../support/golden.ts'

const OPEN = ['-P INPUT ACCEPT', '-P FORWARD ACCEPT', '-P OUTPUT ACCEPT']
const SHUT = ['-P INPUT ACCEPT', '-P FORWARD DROP', '-P OUTPUT ACCEPT']
/** As iptables lists the rule, in both of its back ends. */
const MARKED = '-m mark --mark 0x20000000/0x20000000 -m comment --comment weft -j ACCEPT'

/** Docker up to 28.0: a RETURN ends the user's chain. */
function docker20(...user: string[]): string[] {
	return [
		...SHUT,
		'-N DOCKER',
		'-N DOCKER-ISOLATION-STAGE-1',
		'-N DOCKER-ISOLATION-STAGE-2',
		'-N DOCKER-USER',
		'-A FORWARD -j DOCKER-USER',
		'-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
		'-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
		'-A FORWARD -o docker0 -j DOCKER',
		'-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
		'-A FORWARD -i docker0 -o docker0 -j ACCEPT',
		'-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
		'-A DOCKER-ISOLATION-STAGE-1 -j RETURN',
		'-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
		'-A DOCKER-ISOLATION-STAGE-2 -j RETURN',
		...user.map((rule) => `-A DOCKER-USER ${rule}`),
		'-A DOCKER-USER -j RETURN',
	]
}

/** 28 and later: DOCKER-FORWARD and its kin, and an empty chain for the user. */
function docker28(...user: string[]): string[] {
	return [
		...SHUT,
		'-N DOCKER',
		'-N DOCKER-BRIDGE',
		'-N DOCKER-CT',
		'-N DOCKER-FORWARD',
		'-N DOCKER-ISOLATION-STAGE-1',
		'-N DOCKER-ISOLATION-STAGE-2',
		'-N DOCKER-USER',
		'-A FORWARD -j DOCKER-USER',
		'-A FORWARD -j DOCKER-FORWARD',
		'-A DOCKER ! -i docker0 -o docker0 -j DROP',
		'-A DOCKER-BRIDGE -o docker0 -j DOCKER',
		'-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
		'-A DOCKER-FORWARD -j DOCKER-CT',
		'-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1',
		'-A DOCKER-FORWARD -j DOCKER-BRIDGE',
		'-A DOCKER-FORWARD -i docker0 -j ACCEPT',
		...user.map((rule) => `-A DOCKER-USER ${rule}`),
	]
}

const USER = [
	'-i eth0 -s 192.0.2.0/24 -j DROP',
	'-m comment --comment "ours; theirs" -p tcp -m tcp --dport 22 -j ACCEPT',
]

const HOSTS: Readonly<Record<string, readonly string[]>> = {
	'nobody uses iptables': OPEN,
	'somebody filters what comes in': [...OPEN, '-A INPUT -s 192.0.2.0/24 -j DROP'],
	'somebody drops what is forwarded': SHUT,
	'somebody forwards by rules': [
		...SHUT,
		'-A FORWARD -i eth0 -j ACCEPT',
		'-A FORWARD -j REJECT --reject-with icmp-port-unreachable',
	],
	'Docker 20.10': docker20(),
	'Docker 20.10, rules of the user': docker20(...USER),
	'Docker 26, DOCKER-USER flushed by the user': docker20().slice(0, -1),
	'Docker 28': docker28(),
	'Docker 28, rules of the user': docker28(...USER),
	'Docker 28, whose user has a RETURN at the end': docker28(...USER, '-j RETURN'),
	'Docker, with FORWARD left open': docker28().with(1, '-P FORWARD ACCEPT'),
	'the rule is there already, without Docker': [...SHUT, `-A FORWARD ${MARKED}`],
	'the rule is there already, in DOCKER-USER': docker20(MARKED),
	'the rule was there before Docker came': [...docker28(), `-A FORWARD ${MARKED}`],
	'somebody accepts another mark': docker28('-m mark --mark 0x1/0x1 -j ACCEPT'),
	'somebody drops this mark': docker28('-m mark --mark 0x20000000/0x20000000 -j DROP'),
}

describe('the rule for marked packets', () => {
	it('goes here', () => {
		const plans = Object.entries(HOSTS).map(([host, lines]) => {
			return [host, needsAccept(lines) ? (planAccept(lines)?.join(' ') ?? 'is there') : 'is not needed']
		})
		expectGoldenJson('iptables-accept.json', Object.fromEntries(plans))
	})

	it('is put in once: a listing with what was planned has nothing left to plan', () => {
		for (const [host, lines] of Object.entries(HOSTS)) {
			const [verb, chain, position, ...rule] = planAccept(lines) ?? []
			if (verb === undefined) continue
			assert.equal(verb, '-I')
			const rules = lines.filter((line) => line.startsWith(`-A ${chain} `))
			const after = [
				...lines.filter((line) => !line.startsWith(`-A ${chain} `)),
				...rules.toSpliced(Number(position) - 1, 0, `-A ${chain} ${rule.join(' ')}`),
			]
			assert.equal(planAccept(after), undefined, host)
		}
	})

	it('asks for a position that the chain has', () => {
		for (const [host, lines] of Object.entries(HOSTS)) {
			const [, chain, position] = planAccept(lines) ?? []
			const rules = lines.filter((line) => line.startsWith(`-A ${chain} `))
			if (position !== undefined) assert.ok(Number(position) >= 1 && Number(position) <= rules.length + 1, host)
		}
	})
})
