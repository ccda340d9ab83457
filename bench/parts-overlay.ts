/**
 * The part that measures networks of two hosts beside Docker's own overlay, on the same two hosts, which are a swarm as well as a
 * cluster of weft's; and without a tunnel beside the hosts themselves.
 */
import { type ClusterHosts, segmentAddress, startClusterHosts } from '../test/support/cluster-hosts.ts'
import { OWN_ENGINE } from '../test/support/engine.ts'
import { noEtcd } from '../test/support/etcd.ts'
import { eventually } from '../test/support/eventually.ts'
import type { Host } from '../test/support/host.ts'
import { IMAGE } from '../test/support/image.ts'
import { inContainer, onHost, type Place } from '../test/support/traffic.ts'
import { type Engine, engine } from './engine.ts'
import { quantile, type Row, summarize } from './figures.ts'
import { timed } from './interleave.ts'
import { WEFTD } from './rig.ts'
import { PORTS, type Scene, startServers, traffic } from './traffic.ts'

const ROUNDS = 5
/** Networks that each of both makes, one after the other; they go with the hosts. */
const NETWORKS = 20

/** The bodies of POST /networks/create. */
const SHAPES = {
	weft: { Driver: 'weft', IPAM: { Driver: 'weft' }, Options: { mode: 'overlay' } },
	docker: { Driver: 'overlay', Attachable: true },
	'host-gw': { Driver: 'weft', IPAM: { Driver: 'weft' }, Options: { mode: 'overlay', backend: 'host-gw' } },
}
type Sort = keyof typeof SHAPES

interface Side {
	readonly host: Host
	readonly api: Engine
}

export async function overlay(): Promise<Row[]> {
	const obstacle = noEtcd()
	if (obstacle) {
		console.error(`networks of several hosts are not measured: that ${obstacle}`)
		return []
	}
	const cluster = await startClusterHosts(2, OWN_ENGINE, { program: [process.execPath, WEFTD] })
	const [one, two] = cluster.hosts.map((host) => ({ host, api: engine(host.path('/run/docker.sock')) }))
	try {
		if (one === undefined || two === undefined) throw new Error('there are no two hosts')
		await swarm(cluster)
		return [...(await ways(one, two)), ...(await usable(one, two))]
	} finally {
		for (const side of [one, two]) side?.api.close()
		await cluster.stop()
	}
}

async function swarm({ hosts: [one, two] }: ClusterHosts): Promise<void> {
	if (one === undefined || two === undefined) return
	await one.docker('swarm', 'init', '--advertise-addr', segmentAddress(1))
	const token = (await one.docker('swarm', 'join-token', '--quiet', 'worker')).trim()
	await two.docker('swarm', 'join', '--token', token, `${segmentAddress(1)}:2377`)
}

async function ways(one: Side, two: Side): Promise<Row[]> {
	const scenes = {
		weft: await between(one, two, 'weft'),
		docker: await between(one, two, 'docker'),
		'host-gw': await between(one, two, 'host-gw'),
		hosts: await hostToHost(one, two),
	}
	const byTunnel = await traffic(scenes, { of: '', rounds: ROUNDS, streams: [1] })
	const routed = await traffic(
		{ weft: scenes['host-gw'], docker: scenes.hosts },
		{ of: ', host-gw', rounds: ROUNDS, streams: [1] },
	)
	for (const { end } of Object.values(scenes)) end()
	return [...byTunnel, ...routed.map(besideHosts)]
}

/** The other contender was no driver of Docker's. */
function besideHosts({ medians: { weft = Number.NaN, docker: host = Number.NaN }, ...row }: Row): Row {
	return { ...row, medians: { weft, host } }
}

/** A container on each of two hosts. */
async function between(one: Side, two: Side, sort: Sort): Promise<Scene> {
	const network = `bench-${sort}`
	await one.api.call('POST', '/networks/create', { Name: network, ...SHAPES[sort] })
	for (const side of [one, two]) {
		await runIdle(side, network)
		await connect(side, network, network)
	}
	const path = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`
	const address = (await two.host.docker('inspect', '-f', path, network)).trim()
	return scene(await inContainer(one.host, network), await inContainer(two.host, network), address)
}

function hostToHost(one: Side, two: Side): Promise<Scene> {
	return scene(onHost(one.host), onHost(two.host), segmentAddress(2))
}

async function scene(client: Place, server: Place, address: string): Promise<Scene> {
	const servers = await startServers(server, PORTS)
	const end = () => {
		for (const { stdin } of servers) stdin?.end()
	}
	return { ways: [{ name: 'to another host', client, address, ports: PORTS }], end }
}

/** From the command on one host until a container of the other is on the network. */
async function usable(one: Side, two: Side): Promise<Row[]> {
	await runIdle(two, 'bench-idle')
	const samples: Record<'weft' | 'docker', number[]> = { weft: [], docker: [] }
	for (let n = 0; n < NETWORKS; n++) {
		for (const sort of ['weft', 'docker'] as const) {
			const network = `bench-${sort}-${n}`
			const taken = await timed(async () => {
				await one.api.call('POST', '/networks/create', { Name: network, ...SHAPES[sort] })
				await connect(two, network, 'bench-idle')
			})
			samples[sort].push(taken)
			await two.api.call('POST', `/networks/${network}/disconnect`, { Container: 'bench-idle' })
		}
	}
	const name = 'from network create to a container on it on another host'
	const late = (all: readonly number[]) => quantile(all, 0.99)
	const { weft, docker } = samples
	const p99: Row = {
		name: `${name}, p99`,
		unit: 'ms',
		medians: { weft: late(weft), docker: late(docker) },
		ratio: late(weft) / late(docker),
		runs: NETWORKS,
	}
	return [summarize({ name, unit: 'ms', samples }), p99]
}

/** On no network. */
async function runIdle({ api }: Side, name: string): Promise<void> {
	const body = { Image: IMAGE, HostConfig: { NetworkMode: 'none' } }
	await api.call('POST', `/containers/create?name=${name}`, body)
	await api.call('POST', `/containers/${name}/start`)
	await api.call('POST', '/networks/none/disconnect', { Container: name })
}

/** As soon as the host has the network. */
async function connect({ api }: Side, network: string, Container: string): Promise<void> {
	const attempt = async (): Promise<boolean> => {
		try {
			await api.call('POST', `/networks/${network}/connect`, { Container })
			return true
		} catch (error) {
			if (/not found/i.test(String(error))) return false
			throw error
		}
	}
	await eventually(attempt, { what: `network ${network}`, within: 30_000, pause: 5 })
}
