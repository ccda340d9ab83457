/** The answers of the admin API, for people and scripts: what the server sends and the command line reads. No effects. */
import type { Protocol } from '../model/network.ts'

/** GET /status */
export interface Status {
	readonly version: string
	readonly pid: number
	/** ISO 8601. */
	readonly started: string
	/** Seconds. */
	readonly uptime: number
	/** `restoring` while the networks of the last run are made true; `failed` where that was not possible, and is tried again. */
	readonly state: 'restoring' | 'serving' | 'failed'
	readonly host: HostStatus
	readonly settings: StatusSettings
	readonly counts: Counts
	readonly repairs: RepairCounts
	/** Null without `WEFT_CLUSTER`. */
	readonly cluster: ClusterStatus | null
}

/** Of the cluster as this host knows it. */
export interface ClusterStatus {
	/** Whether it answered the last time that it was asked, as it is every few seconds. */
	readonly reached: boolean
	/** Why it is not reached, or this host no member; null where all is well. */
	readonly problem: string | null
	/** Whether this host may give addresses of its blocks. */
	readonly member: boolean
	/** Of this host for the others; null as long as none is known. */
	readonly address: string | null
	/** Numbers of hosts, and of those that show themselves; null before they were read. */
	readonly hosts: number | null
	readonly present: number | null
}

/** GET /nodes: the hosts of the cluster, this one too. */
export interface NodeView {
	readonly name: string
	/** For the other hosts. */
	readonly address: string
	/** False: it has not shown itself for 30 s; its containers may be alive. */
	readonly present: boolean
	/** Whether it is this host. */
	readonly self: boolean
	/** Networks of the cluster that it has, blocks of addresses, and single addresses in blocks of others. */
	readonly networks: number
	readonly blocks: number
	readonly addresses: number
}

/** GET /settings: all of them by name, as they are in force; of secrets `***` where there is one. */
export type Settings = Readonly<Record<string, string>>

export interface StatusSettings {
	readonly socket: string
	readonly stateDir: string
	readonly scope: string
	/** This host's name in the cluster. */
	readonly node: string
	/** Endpoints of etcd; none: this host only. */
	readonly cluster: readonly string[]
}

export interface HostStatus {
	/** Version of the Docker Engine; null where it does not answer. */
	readonly engine: string | null
	/** Release of the running kernel. */
	readonly kernel: string
	readonly node: string
	/** What rules are made with. */
	readonly nftables: 'libnftables' | 'nft program'
	/** Where the one rule is that lets weft's packets pass through iptables, as `iptables-nft DOCKER-USER`. */
	readonly iptables: readonly string[]
	/** Whether the kernel has nftables for bridges, which antispoof and enable_icc=false need. */
	readonly filtersBridges: boolean
}

export interface Counts {
	readonly networks: number
	readonly endpoints: number
	readonly ports: number
	readonly pools: number
	readonly leases: number
}

/** Since weftd started. */
export interface RepairCounts {
	readonly done: number
	readonly failed: number
	readonly last: RepairLine | null
}

export interface RepairLine {
	/** ISO 8601. */
	readonly at: string
	readonly cause: string
	readonly done: readonly string[]
}

/** GET /networks; names are null where Docker does not answer. */
export interface NetworkSummary {
	readonly id: string
	readonly name: string | null
	/** Whether Docker has it; null where Docker does not tell. */
	readonly listed: boolean | null
	readonly mode: string
	readonly subnets: readonly string[]
	readonly gateways: readonly string[]
	readonly internal: boolean
	/** Null in a mode without one. */
	readonly bridge: string | null
	/** What containers' links sit on, where there is no bridge. */
	readonly parent: string | null
	/** False while it is being made or taken away. */
	readonly settled: boolean
	readonly endpoints: number
	readonly ports: number
}

/** GET /networks/NETWORK, by name, id or the beginning of an id. */
export interface NetworkDetail {
	readonly network: NetworkSummary
	/** As `-o key=value` would give those that are in force, defaults filled in. */
	readonly options: Readonly<Record<string, string>>
	/** Bytes; null in a mode without a link. */
	readonly mtu: number | null
	/** Whether the bridge was there before the network. */
	readonly adopted: boolean
	/** How the container that owns a network of mode container stands, for people; null in another mode. */
	readonly owner: string | null
	readonly endpoints: readonly EndpointView[]
}

export interface EndpointView {
	readonly id: string
	readonly container: string | null
	/** With the mask length. */
	readonly ipv4: string | null
	readonly ipv6: string | null
	readonly mac: string
	/** On this host; null in a mode without one. */
	readonly link: string | null
	/** False where its link is in no container: one that is starting, or that has lost it. */
	readonly attached: boolean
	readonly ports: readonly PortView[]
	/** Ports that it listens on and that are not on the host: more than a container may have. */
	readonly beyond: number
}

/** GET /containers: those on networks of weft's whose names Docker has told. */
export interface ContainerSummary {
	readonly name: string
	readonly networks: readonly { readonly id: string; readonly name: string | null }[]
}

/** GET /containers/CONTAINER, by the name that Docker has for it. */
export interface ContainerDetail {
	readonly name: string
	readonly endpoints: readonly { readonly network: NetworkSummary; readonly endpoint: EndpointView }[]
}

/** GET /ports */
export interface PortView {
	readonly protocol: Protocol
	readonly hostIp: string
	/** 0 where the container's own port is opened, and the host has none for it. */
	readonly hostPort: number
	readonly containerIp: string
	readonly containerPort: number
	readonly networkId: string
	readonly network: string | null
	readonly endpointId: string
	readonly container: string | null
	/** Whether it is there because the container listens on it, and not because it was asked for. */
	readonly found: boolean
	/** Why it is not on the host although the container listens on it, as where somebody else has it; null where it is. */
	readonly refused: string | null
}

/** GET /pools. Numbers of addresses are rounded above 2^53. */
export interface PoolView {
	readonly pool: string
	/** Where addresses are chosen; null: in all of the pool. */
	readonly range: string | null
	/**
	 * Of a pool that hosts share, those of this host: the numbers are of what it has, and it claims more blocks as it needs
	 * them. Null: the pool is this host's alone.
	 */
	readonly blocks: readonly string[] | null
	/** Addresses that can be given. */
	readonly size: number
	readonly used: number
	/** Of those that can be given without being asked for by name. */
	readonly free: number
	/** Null where no network of weft's has it: its IPAM serves other drivers too. */
	readonly networkId: string | null
	readonly network: string | null
}

/** GET /networks/NETWORK/addresses */
export interface AddressesView {
	readonly network: NetworkSummary
	/** Those of weft's IPAM; none where another gives the addresses. */
	readonly pools: readonly PoolView[]
	readonly addresses: readonly AddressView[]
}

export interface AddressView {
	readonly address: string
	/** `reserved`: given to nobody that weft knows, as with `--aux-address`. */
	readonly kind: 'gateway' | 'endpoint' | 'reserved'
	readonly endpointId: string | null
	readonly container: string | null
}

/** GET /diff: one for each way in which the kernel is not as the records say; none where all is well. */
export interface DifferenceView {
	/** Null where it is not known to which it belongs. */
	readonly networkId: string | null
	readonly network: string | null
	readonly endpointId: string | null
	readonly container: string | null
	/** For people. */
	readonly what: string
}

/** With a status of 4xx or 5xx. */
export interface Refusal {
	readonly error: string
}
