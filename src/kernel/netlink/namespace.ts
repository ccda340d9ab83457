/**
 * Other network namespaces: their numbers, by which links name those of their peers, and links in them. Pure; see
 * linux/net_namespace.h and linux/if_link.h.
 */
import { header, type Place, RTM_DELLINK, RTM_GETLINK } from './link.ts'
import { attributes, type Message, type Request, u32 } from './message.ts'

const RTM_GETNSID = 90
/** struct rtgenmsg, aligned. */
const HEADER = 4
const NETNSA_NSID = 1
const NETNSA_FD = 3
const IFLA_TARGET_NETNSID = 46

/** Of the namespace that a descriptor of the calling process refers to. */
export function getNamespaceId(fd: number): Request {
	return { type: RTM_GETNSID, flags: 0, body: Buffer.concat([Buffer.alloc(HEADER), u32(NETNSA_FD, fd)]) }
}

/** Undefined where no link leads there, and it has no number. */
export function readNamespaceId({ body }: Message): number | undefined {
	const id = attributes(body.subarray(HEADER)).get(NETNSA_NSID)?.readInt32LE()
	return id === undefined || id < 0 ? undefined : id
}

export function getLinkAt(place: Place): Request {
	return { type: RTM_GETLINK, flags: 0, body: at(place) }
}

export function deleteLinkAt(place: Place): Request {
	return { type: RTM_DELLINK, flags: 0, body: at(place) }
}

function at({ namespace, index }: Place): Buffer {
	return Buffer.concat([header(index), u32(IFLA_TARGET_NETNSID, namespace)])
}
