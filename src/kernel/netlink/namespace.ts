/**
 * Other network namespaces: their numbers, by which links name those of their peers, and links in them. Pure; see
 * linux/net_namespace.h and linux/if_link.h.
 */
import { getAddresses } from './address.ts'
import { getLinks, header, type Place, RTM_DELLINK, RTM_GETLINK } from './link.ts'
import { attributes, type Message, type Request, u32 } from './message.ts'

const RTM_GETNSID = 90
/** struct rtgenmsg, aligned. */
const HEADER = 4
const NETNSA_NSID = 1
const NETNSA_FD = 3
const IFLA_TARGET_NETNSID = 46
const IFA_TARGET_NETNSID = 10

/** Of the namespace that a descriptor of the calling process refers to. */
export function getNamespaceId(fd: number): Request {
	return { type: RTM_GETNSID, flags: 0, body: Buffer.concat([Buffer.alloc(HEADER), u32(NETNSA_FD, fd)]) }
}

/** Of all namespaces that have a number here: those to which links of this one lead, or were moved. */
export function getNamespaceIds(): Request {
	return { type: RTM_GETNSID, flags: 0, body: Buffer.alloc(HEADER) }
}

/** Undefined where no link leads there, and it has no number. */
export function readNamespaceId({ body }: Message): number | undefined {
	const id = attributes(body.subarray(HEADER)).get(NETNSA_NSID)?.readInt32LE()
	return id === undefined || id < 0 ? undefined : id
}

/** Of all links there. */
export function getLinksAt(namespace: number): Request {
	const { type, flags, body } = getLinks()
	return { type, flags, body: Buffer.concat([body, u32(IFLA_TARGET_NETNSID, namespace)]) }
}

/** Of all links there. */
export function getAddressesAt(namespace: number): Request {
	const { type, flags, body } = getAddresses(0)
	return { type, flags, body: Buffer.concat([body, u32(IFA_TARGET_NETNSID, namespace)]) }
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
