/**
 * One weftd in a network namespace: two would take away each other's tables and links, whatever state they have. It has
 * a queue of nfnetlink_queue there, which belongs to the namespace, so that a managed plugin and the host's daemon meet
 * though they share no file. One process at a time has it, nobody without CAP_NET_ADMIN takes it, and the kernel frees
 * it when the process is gone, however that ended. No packet is sent to it. See linux/netfilter/nfnetlink_queue.h.
 */
import { isErrno, WeftError } from '../errors.ts'
import { bytes, type Request } from './netlink/message.ts'
import { NETLINK_NETFILTER } from './netlink/nftables.ts'
import { NetlinkSocket } from './netlink/socket.ts'

/** Of 65,536, far from those that people begin to count at: `wf`. */
const QUEUE = 0x7766

const LIST = '/proc/net/netfilter/nfnetlink_queue'

const NFNL_SUBSYS_QUEUE = 3
const NFQNL_MSG_CONFIG = 2
const NFQA_CFG_CMD = 1
const NFQNL_CFG_CMD_BIND = 1
/** Without effect, but for whoever may not configure queues it fails. */
const NFQNL_CFG_CMD_PF_BIND = 3

/**
 * Held until the process ends, or false where the kernel has no such queues.
 * @throws WeftError `in-use` where another weftd has it, `system` where this process may not have it
 */
export async function lockNetns(): Promise<boolean> {
	const socket = new NetlinkSocket(NETLINK_NETFILTER)
	socket.open()
	try {
		await socket.request(command(NFQNL_CFG_CMD_PF_BIND))
	} catch (error) {
		if (isErrno(error, 'EINVAL')) return false
		if (!isErrno(error, 'EPERM')) throw error
		throw new WeftError('system', 'weftd has to be root, with CAP_NET_ADMIN, in its network namespace')
	}
	try {
		await socket.request(command(NFQNL_CFG_CMD_BIND))
		return true
	} catch (error) {
		if (!isErrno(error, 'EPERM')) throw error
		throw new WeftError('in-use', `another weftd has this network namespace (queue ${QUEUE} of ${LIST}): stop it first`)
	}
}

function command(number: number): Request {
	const header = Buffer.alloc(4)
	header.writeUInt16BE(QUEUE, 2)
	const body = Buffer.concat([header, bytes(NFQA_CFG_CMD, Uint8Array.of(number, 0, 0, 0))])
	return { type: (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_CONFIG, flags: 0, body }
}
