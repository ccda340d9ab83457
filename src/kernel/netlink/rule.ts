/**
 * Rules that say which table of routes a packet with a mark is led by: the bodies of their requests and the reading of their
 * answers. Pure; see linux/fib_rules.h.
 */
import type { Family } from '../../model/address.ts'
import { AF_INET, AF_INET6 } from './address.ts'
import { attributes, type Message, NLM_F_CREATE, NLM_F_EXCL, type Request, readU32, u32 } from './message.ts'

const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
const RTM_GETRULE = 34

/** struct fib_rule_hdr */
const HEADER = 12
const FRA_PRIORITY = 6
const FRA_FWMARK = 10
const FRA_TABLE = 15
const FRA_FWMASK = 16
const FR_ACT_TO_TBL = 1

export interface MarkRule {
	readonly family: Family
	/** Those with all of these bits. */
	readonly mark: number
	readonly table: number
	/** Rules are asked in this order, of which 32766 is the main table's. */
	readonly priority: number
}

/** Fails with EEXIST where there is the same. */
export function newRule(rule: MarkRule): Request {
	return { type: RTM_NEWRULE, flags: NLM_F_CREATE | NLM_F_EXCL, body: body(rule) }
}

/** Fails with ENOENT where there is none. */
export function deleteRule(rule: MarkRule): Request {
	return { type: RTM_DELRULE, flags: 0, body: body(rule) }
}

export function getRules(family: Family): Request {
	return { type: RTM_GETRULE, flags: 0, body: header(family, 0) }
}

/** Undefined for a rule about anything but a mark. */
export function readRule({ body }: Message): Omit<MarkRule, 'family'> | undefined {
	const found = attributes(body.subarray(HEADER))
	const [mark, mask, table] = [FRA_FWMARK, FRA_FWMASK, FRA_TABLE].map((type) => readU32(found, type))
	if (mark === undefined || mark !== mask || table === undefined) return undefined
	return { mark, table, priority: readU32(found, FRA_PRIORITY) ?? 0 }
}

function header(family: Family, action: number): Buffer {
	const rule = Buffer.alloc(HEADER)
	rule.writeUInt8(family === 4 ? AF_INET : AF_INET6, 0)
	rule.writeUInt8(action, 7)
	return rule
}

function body({ family, mark, table, priority }: MarkRule): Buffer {
	const marked = [u32(FRA_FWMARK, mark), u32(FRA_FWMASK, mark)]
	return Buffer.concat([header(family, FR_ACT_TO_TBL), u32(FRA_PRIORITY, priority), ...marked, u32(FRA_TABLE, table)])
}
