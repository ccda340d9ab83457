/** By which addresses the kernel knows this process's netlink sockets. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The netlink ports of this process's sockets of a protocol, as far as they have sent or been bound. */
export function netlinkPorts(protocol: number): number[] {
	const inodes = new Set(readdirSync('/proc/self/fd').map(inodeOf))
	const lines = readFileSync('/proc/self/net/netlink', 'utf8').trimEnd().split('\n').slice(1)
	return lines.flatMap((line) => {
		// sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		const fields = line.split(/\s+/)
		return Number(fields[1]) === protocol && inodes.has(fields[9] ?? '') ? [Number(fields[2])] : []
	})
}

function inodeOf(fd: string): string {
	try {
		return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? 'none'
	} catch {
		// The descriptor with which the folder itself is read is closed by now.
		return 'none'
	}
}
