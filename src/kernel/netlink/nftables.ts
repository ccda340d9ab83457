/** What nftables tells of changes of its rules: what was changed, and by whom. Pure; see linux/netfilter/nf_tables.h. */
import { attributes, type Message, readText } from './message.ts'

export const NETLINK_NETFILTER = 12
export const NFNLGRP_NFTABLES = 7

const SUBSYSTEM = 10
/** struct nfgenmsg */
const HEADER = 4
const NFT_MSG_NEWTABLE = 0
const NFT_MSG_DELTABLE = 2
const NFT_MSG_NEWCHAIN = 3
const NFT_MSG_DELCHAIN = 5
const NFT_MSG_NEWRULE = 6
const NFT_MSG_DELRULE = 8
const NFT_MSG_NEWGEN = 15
/** The same attribute of each kind of object. */
const TABLE = 1
const NFTA_CHAIN_NAME = 3
const NFTA_RULE_CHAIN = 2
const NFTA_GEN_PROC_NAME = 3

const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 3: 'arp', 5: 'netdev', 7: 'bridge', 10: 'ip6' }

export type RuleNotice =
	/** Something in a table, or the table itself. */
	| {
			readonly kind: 'change'
			readonly family: string
			readonly table: string
			/** Of a chain or a rule. */
			readonly chain?: string
			/** It is the table that came or went. */
			readonly whole?: 'new' | 'gone'
	  }
	/** The end of a transaction, which all changes since the last one belong to; the program that made it. */
	| { readonly kind: 'done'; readonly program: string }

export function readRuleNotice(message: Message): RuleNotice | undefined {
	if (message.type >> 8 !== SUBSYSTEM) return undefined
	const verb = message.type & 0xff
	const found = attributes(message.body.subarray(HEADER))
	if (verb === NFT_MSG_NEWGEN) return { kind: 'done', program: readText(found, NFTA_GEN_PROC_NAME) ?? '' }
	const chain = readText(found, CHAIN_OF[verb] ?? -1)
	const whole = WHOLE[verb]
	return {
		kind: 'change',
		family: FAMILIES[message.body[0] ?? 0] ?? '',
		table: readText(found, TABLE) ?? '',
		...(chain === undefined ? {} : { chain }),
		...(whole === undefined ? {} : { whole }),
	}
}

const CHAIN_OF: Readonly<Record<number, number>> = {
	[NFT_MSG_NEWCHAIN]: NFTA_CHAIN_NAME,
	[NFT_MSG_DELCHAIN]: NFTA_CHAIN_NAME,
	[NFT_MSG_NEWRULE]: NFTA_RULE_CHAIN,
	[NFT_MSG_DELRULE]: NFTA_RULE_CHAIN,
}

const WHOLE: Readonly<Record<number, 'new' | 'gone'>> = { [NFT_MSG_NEWTABLE]: 'new', [NFT_MSG_DELTABLE]: 'gone' }
