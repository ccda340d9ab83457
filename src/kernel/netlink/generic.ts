/** Generic netlink: what its messages begin with, and the number that a family has in this kernel. Pure; see linux/genetlink.h. */
import { attributes, type Message, type Request, readU16, text } from './message.ts'

export const NETLINK_GENERIC = 16
/** struct genlmsghdr */
export const HEADER = 4

const GENL_ID_CTRL = 16
const CTRL_CMD_GETFAMILY = 3
const CTRL_ATTR_FAMILY_ID = 1
const CTRL_ATTR_FAMILY_NAME = 2

export function header(command: number, version: number): Buffer {
	return Buffer.of(command, version, 0, 0)
}

/** Answered with ENOENT where the kernel has no family of that name, after it has looked for a module. */
export function getFamily(name: string): Request {
	const body = Buffer.concat([header(CTRL_CMD_GETFAMILY, 1), text(CTRL_ATTR_FAMILY_NAME, name)])
	return { type: GENL_ID_CTRL, flags: 0, body }
}

/** The type of messages of the family. */
export function readFamily({ body }: Message): number | undefined {
	return readU16(attributes(body.subarray(HEADER)), CTRL_ATTR_FAMILY_ID)
}
