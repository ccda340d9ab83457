/** The kernel in the network namespace of a container, to have there what mode host has on the host. */
import { closeSync, openSync } from 'node:fs'
import { within } from '../errors.ts'
import { isOwnName, mayBeLinkName } from '../model/names.ts'
import { Departures } from './departures.ts'
import { moveUp } from './ffi.ts'
import { Firewall, type NftRunner } from './firewall.ts'
import { Flows } from './flows.ts'
import { PROC } from './host-files.ts'
import { LinuxKernel } from './kernel.ts'
import { linkMonitor } from './netlink/link-monitor.ts'
import type { Monitor } from './netlink/monitor.ts'
import { Rtnetlink } from './netlink/rtnetlink.ts'
import { type Visit, visitor } from './netns.ts'
import { runNftIn } from './nftables.ts'
import { HostPorts } from './ports.ts'
import type { Premises } from './premises.ts'
import { knownKind } from './refusals.ts'
import { ruleMonitor } from './rule-monitor.ts'
import { renderNoTables } from './ruleset.ts'
import { SandboxSockets } from './sandbox.ts'
import type { ContainerKernel } from './verbs.ts'
import { Wireguard } from './wireguard.ts'

/** Holds the namespace until it is closed. What there is in it stays. */
export class LinuxContainerKernel extends LinuxKernel implements ContainerKernel {
	readonly #namespace: number
	readonly #rtnetlink: Rtnetlink
	readonly #flows: Flows
	readonly #ports: HostPorts
	readonly #firewall: Firewall
	readonly #run: NftRunner
	readonly #visit: Visit
	#monitors: readonly Monitor[] = []

	private constructor(namespace: number, premises: Premises) {
		const { visit } = premises
		const run: NftRunner = (commands) => runNftIn(visit, commands)
		const [rtnetlink, firewall, flows, ports] = [new Rtnetlink(), new Firewall(run), new Flows(), new HostPorts(visit)]
		super(rtnetlink, firewall, ports, flows, new Departures(), new Wireguard(() => undefined), premises)
		this.#namespace = namespace
		this.#rtnetlink = rtnetlink
		this.#flows = flows
		this.#ports = ports
		this.#firewall = firewall
		this.#run = run
		this.#visit = visit
		visit(() => {
			rtnetlink.open()
			try {
				flows.open()
			} catch (error) {
				void rtnetlink.close()
				throw error
			}
		})
	}

	/** Of a process; `host` speaks to the host's own kernel. @throws WeftError where there is no such process */
	static open(host: Rtnetlink, pid: number): LinuxContainerKernel {
		const namespace = openNamespaceOf(pid)
		try {
			return new LinuxContainerKernel(namespace, premisesOf(host, namespace, visitor(namespace), pid))
		} catch (error) {
			closeSync(namespace)
			throw error
		}
	}

	/** What weft does itself is told as well: who looks finds that all is as it should be. */
	watch(struck: (cause: string) => void): void {
		const lost = () => struck('more links changed than could be followed')
		const links = linkMonitor({
			changed: ({ name, up }) => {
				if (!up && mayBeWefts(name)) struck(`link ${name} was set down`)
			},
			gone: ({ name }) => {
				if (mayBeWefts(name)) struck(`link ${name} was deleted`)
			},
			bared: async (index) => {
				const name = (await this.#rtnetlink.link(index).catch(() => undefined))?.name ?? ''
				if (mayBeWefts(name)) struck(`link ${name} lost an address`)
			},
			lost,
		})
		const rules = ruleMonitor({ tableChanged: struck, passageChanged: () => undefined })
		this.#monitors = [links, rules]
		this.#visit(() => {
			for (const each of this.#monitors) each.open()
		})
	}

	/** Takes weft's tables away, also where there are none. */
	async removeTables(): Promise<void> {
		await this.#run(renderNoTables())
	}

	/** After the calls under way; ports are held no longer. */
	async close(): Promise<void> {
		for (const each of this.#monitors) each.close()
		this.#firewall.close()
		this.#ports.releaseAll()
		await Promise.all([this.#rtnetlink.close(), this.#flows.close()])
		closeSync(this.#namespace)
	}
}

function mayBeWefts(name: string): boolean {
	return isOwnName(name) || mayBeLinkName(name)
}

function openNamespaceOf(pid: number): number {
	try {
		return moveUp(openSync(`${PROC}/${pid}/ns/net`, 'r'))
	} catch (error) {
		throw within(`open the network namespace of process ${pid}`, error)
	}
}

function premisesOf(host: Rtnetlink, namespace: number, visit: Visit, pid: number): Premises {
	return {
		visit,
		lists: `${PROC}/${pid}/net`,
		openSockets: () => new SandboxSockets(openSync(`/proc/self/fd/${namespace}`, 'r'), 0, ''),
		addPassthru: async ({ name }) => {
			const parent = host.indexOf(name)
			if (parent === undefined) throw within(`link ${name}`, new Error('No such device'))
			await knownKind('macvlan', host.addMacvlan({ name, parent, up: false, mode: 'passthru', namespace }))
		},
	}
}
