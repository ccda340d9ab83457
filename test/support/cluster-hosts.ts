/**
 * Several Docker hosts on one segment, each with a dockerd and a weftd of its own, and an etcd there: a cluster on this
 * machine. Each host has besides, as eth0, the outside that every test host has; eth1 is the segment.
 */
import type { Family } from '../../src/model/address.ts'
import type { Engine } from './engine.ts'
import { type Certificates, type Etcd, makeCertificates, startEtcd } from './etcd.ts'
import { type Host, startHost } from './host.ts'
import { loadImage } from './image.ts'
import { openNetns } from './netns.ts'
import type { Place } from './traffic.ts'

export const ETCD_ADDRESS = '192.0.2.100'

/** A host's address on the segment: the first is 1. It has one of each family. */
export function segmentAddress(number: number, family: Family = 4): string {
	return family === 4 ? `192.0.2.${number}` : `2001:db8:2::${number}`
}

export interface ClusterOptions {
	/** Start a weftd and a dockerd on each host; default true. */
	readonly programs?: boolean
	/** etcd has a certificate, and wants to see one; default false. */
	readonly tls?: boolean
	/** Of the addresses by which the hosts reach each other; default 4. */
	readonly family?: Family
	/** How weftd is started; default as every test host has it. */
	readonly program?: readonly string[]
}

export interface ClusterHosts {
	readonly hosts: readonly Host[]
	readonly etcd: Etcd
	/** By which etcd is known, and knows its clients; none without TLS. */
	readonly certificates: Certificates | undefined
	/** Sets a host's port of the switch up or down, the first being 1. */
	setPort(number: number, state: 'up' | 'down'): Promise<void>
	/** Somebody on the segment who is none of the hosts: the machine of the switch and of etcd. */
	readonly segment: Place
	/** Ends all of it. */
	stop(): Promise<void>
}

export async function startClusterHosts(
	size: number,
	engine: Engine,
	{ programs = true, tls = false, family = 4, program }: ClusterOptions = {},
): Promise<ClusterHosts> {
	const endings: (() => Promise<void>)[] = []
	const scope = { after: (work: () => Promise<void>) => void endings.push(work) }
	const stop = async (): Promise<void> => {
		for (const end of endings.reverse()) await end()
	}
	try {
		const segment = await openNetns(scope)
		await segment.run('ip', 'link', 'add', 'switch', 'type', 'bridge')
		await segment.run('ip', 'addr', 'add', `${ETCD_ADDRESS}/24`, 'dev', 'switch')
		await segment.run('ip', 'link', 'set', 'switch', 'up')
		const at = { enter: ['nsenter', `--net=${segment.path}`], address: ETCD_ADDRESS }
		const certificates = tls ? await makeCertificates(scope, ETCD_ADDRESS) : undefined
		const [etcd] = await startEtcd(scope, 1, certificates === undefined ? { at } : { at, tls: certificates })
		if (etcd === undefined) throw new Error('there is no etcd')
		const hosts: Host[] = []
		for (let number = 1; number <= size; number++) {
			const host = await startHost({
				...(program === undefined ? {} : { program }),
				...{ engine, weftd: false, dockerd: false, env: settingsOf(number, etcd, family) },
			})
			scope.after(() => host.stop())
			hosts.push(host)
			const port = `port${number}`
			const peer = ['peer', 'name', 'eth1', 'netns', String(host.pid)]
			await segment.run('ip', 'link', 'add', port, 'master', 'switch', 'type', 'veth', ...peer)
			await segment.run('ip', 'link', 'set', port, 'up')
			await host.exec(['ip', 'addr', 'add', `${segmentAddress(number)}/24`, 'dev', 'eth1'])
			await host.exec(['ip', 'addr', 'add', `${segmentAddress(number, 6)}/64`, 'dev', 'eth1', 'nodad'])
			await host.exec(['ip', 'link', 'set', 'eth1', 'up'])
		}
		if (programs) await Promise.all(hosts.map(startPrograms))
		const setPort = async (number: number, state: string): Promise<void> => {
			await segment.run('ip', 'link', 'set', `port${number}`, state)
		}
		return { hosts, etcd, certificates, setPort, segment: (argv) => [...at.enter, ...argv], stop }
	} catch (error) {
		await stop()
		throw error
	}
}

export function settingsOf(number: number, etcd: Etcd, family: Family = 4): Record<string, string> {
	return {
		WEFT_CLUSTER: etcd.url,
		WEFT_NODE: `host${number}`,
		WEFT_NODE_ADDRESS: segmentAddress(number, family),
	}
}

async function startPrograms(host: Host): Promise<void> {
	await host.startWeftd()
	await host.startDockerd()
	await loadImage(host)
}
