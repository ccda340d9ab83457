/** What is done on this host for those above: the verbs of kernel.ts, as they are called. */
import type { AcceptPlace } from './iptables.ts'
import type { Service, SharedLoopback, SharedLoopbacks } from './loopback-table.ts'
import type { Listener } from './netlink/sock-diag.ts'
import type { Gate } from './passage.ts'
import type { Process } from './port-holder.ts'
import type { HostPort, LanLink, PortChange, Resource } from './resource.ts'
import type { SandboxSockets } from './sandbox.ts'

export type { Gate, Listener, Service, SharedLoopback, SharedLoopbacks }

/** Sockets of a network namespace, which can be looked at until it is closed. */
export type Sockets = Pick<SandboxSockets, 'stirred' | 'listeners' | 'close'>

/** The network namespace of a container. */
export type Sandbox = Sockets & Pick<SandboxSockets, 'link' | 'share' | 'unshare'>

export interface Kernel {
	/**
	 * Makes all of them exist: links and what is on them in this order, and the firewall's elements at the same time. What
	 * exists already is left as it is. When one fails, those that this call made are taken away again.
	 * @throws WeftError naming the resource; AggregateError where some of what was made is left
	 */
	ensure(resources: readonly Resource[]): Promise<void>
	/** Takes them away in reverse order; what is gone already does not matter. Goes on to the end before it throws. */
	remove(resources: readonly Resource[]): Promise<void>
	/**
	 * Makes the whole state true at start: the firewall holds the elements of these resources and no others, and each
	 * other resource is ensured. Failures are returned, not thrown: one broken network must not keep back the others.
	 */
	restore(resources: readonly Resource[]): Promise<unknown[]>
	/**
	 * Puts back what others took away of these links, addresses and settings, and with it all of these resources but the
	 * firewall's elements. What that was, for people: nothing where nothing was amiss.
	 */
	repair(resources: readonly Resource[]): Promise<readonly string[]>
	/**
	 * In what these resources are not as they should be, for people, and changes nothing: what repair would put back, and what
	 * it could not, as a pair that is gone. Of elements it says whether they are wanted: see compareTables.
	 */
	differences(resources: readonly Resource[]): Promise<readonly string[]>
	/** The names of all links of this host. */
	links(): Promise<readonly string[]>
	/** Whether there is a link of that name. */
	hasLink(name: string): boolean
	/** Whether weft has it: an element, a port or a link; of other kinds nobody knows, and it is false. */
	has(resource: Resource): boolean
	/** Whether an endpoint's link, or the other end of it, has yet to be taken into its sandbox: it is here, and never was up. */
	isAwaited(link: string): Promise<boolean>
	/**
	 * Whether a container has a link that leaves nothing on the host; `addresses` are the container's. Goes through the links of all
	 * namespaces that the host's lead to.
	 */
	isElsewhere(link: LanLink, addresses: readonly string[]): Promise<boolean>
	/** The host's end of a veth pair that was made ahead of need, the caller's from now on; undefined while none is ready. */
	takeSpare(): string | undefined
	/** Takes over the spare pairs that an earlier process had ready; `onRecord` are links that somebody owns. */
	adoptSpares(onRecord: ReadonlySet<string>): Promise<void>
	/** From now on has spare pairs ready, or takes away those that there are. */
	keepSpares(wanted: boolean): Promise<void>
	/**
	 * The namespaces that have the other ends of these links, by link; those of which no process is seen are not among them.
	 * Goes through all processes of the machine.
	 */
	openSandboxes(links: readonly string[]): Promise<ReadonlyMap<string, Sandbox>>
	/** Those of the host itself. */
	openOwnSockets(): Sockets
	/** Whether a socket can have come to any namespace since the last call. Costs next to nothing. */
	stirred(): boolean
	/** Who keeps a port from being held, as far as that can be seen. Slow: for the words of a refusal. */
	holderOf(port: HostPort): Promise<PortHolder | undefined>
	/**
	 * Makes the kernel forget connections through ports that were closed, and those that go past ports that were opened,
	 * because they are older. Goes through all connections of the machine, if it goes at all: not to be waited for.
	 */
	forgetFlows(change: PortChange): Promise<void>
	/**
	 * Makes one of the host's other firewalls pass on what weft's rules allow while there are bridges, or takes back what was
	 * done for that. What had to be done, for people. `bridges` is asked when it is this call's turn; where nothing else
	 * is wanted than before it does nothing, unless `anew`, because somebody has changed them.
	 */
	keepPassage(gate: Gate, bridges: () => readonly string[], anew?: boolean): Promise<readonly string[]>
	/** Where iptables lets weft's packets pass, program by program, and whether that is right for these bridges. */
	acceptPlaces(bridges: () => readonly string[]): Promise<readonly AcceptPlace[]>
	/** Where the firewall's tables are not as they were left, for people. */
	compareTables(): Promise<readonly string[]>
	/** Makes the firewall's tables anew with the elements that are wanted, because somebody has changed it. */
	renewTables(): Promise<void>
}

/** What is done for containers where what they listen on is to be: on this host, or with another container. */
export type OwnerKernel = Pick<
	Kernel,
	'ensure' | 'remove' | 'differences' | 'compareTables' | 'holderOf' | 'forgetFlows' | 'openOwnSockets'
>

/** The same in the network namespace of a container, which is held until it is closed. What was made there stays. */
export interface ContainerKernel extends OwnerKernel, Pick<Kernel, 'restore' | 'repair' | 'renewTables'> {
	/** Calls `struck` when something may have been taken away there, with the cause for people, until it is closed. */
	watch(struck: (cause: string) => void): void
	/** Takes weft's tables away, also where there are none. */
	removeTables(): Promise<void>
	close(): Promise<void>
}

/** The owner of a port that weft holds, or somebody else's process. */
export type PortHolder = { readonly owner: string } | Process
