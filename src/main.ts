/**
 * The daemon, and the only place where implementations are constructed: opens the state, makes true what is stored, serves
 * Docker, and in the end stops serving while networks and containers stay as they are.
 */
import { NO_NAMES } from './admin/names.ts'
import { buildScrapes } from './admin/scrapes.ts'
import { buildAdmin } from './admin/server.ts'
import { Daemon } from './admin/status.ts'
import type { Clustered } from './clustered.ts'
import { buildServer } from './cnm/server.ts'
import type { Config } from './config.ts'
import { DockerClient } from './docker/client.ts'
import { containerPid, dockerContainers, followContainers } from './docker/containers.ts'
import { dockerNames, engineVersion } from './docker/names.ts'
import { bridgeNames, dockerEndpoints, dockerNetworks, engineName, makeNetwork } from './docker/networks.ts'
import { messageOf } from './errors.ts'
import { Ipam } from './ipam/ipam.ts'
import { dropCapabilities } from './kernel/capabilities.ts'
import { LinuxContainerKernel } from './kernel/container-kernel.ts'
import { Departures } from './kernel/departures.ts'
import { Firewall, type NftRunner } from './kernel/firewall.ts'
import { Flows } from './kernel/flows.ts'
import { hostFacts, underlayAddress } from './kernel/host.ts'
import { INET_TABLE } from './kernel/inet-table.ts'
import { LinuxKernel } from './kernel/kernel.ts'
import { lockNetns } from './kernel/lock.ts'
import { Rtnetlink } from './kernel/netlink/rtnetlink.ts'
import { filtersBridges, Nft, runNftProgram } from './kernel/nftables.ts'
import { HostPorts } from './kernel/ports.ts'
import { isRunning } from './kernel/processes.ts'
import { TABLES } from './kernel/ruleset.ts'
import { ServiceManager } from './kernel/service-manager.ts'
import { Watch } from './kernel/watch.ts'
import { Wireguard } from './kernel/wireguard.ts'
import { listenOnPort, listenOnSocket } from './listen.ts'
import { type Logger, openLog, written } from './log.ts'
import { type Call, Metrics } from './metrics.ts'
import { KeyedMutex } from './mutex.ts'
import { DockerBridges } from './network/docker-bridges.ts'
import { networkDriver } from './network/driver.ts'
import { type EngineView, Forgotten } from './network/forgotten.ts'
import { type Host, keepPassage } from './network/host.ts'
import type { ContainerView } from './network/owner-search.ts'
import { Owners } from './network/owners.ts'
import { Peering } from './network/peering.ts'
import { Repairs } from './network/repairs.ts'
import { type Engine, Replicas } from './network/replicas.ts'
import { Restoration } from './network/restoration.ts'
import { resync } from './network/resync.ts'
import { Rounds } from './network/rounds.ts'
import { SharedPorts } from './network/shared-ports.ts'
import { forgottenLog, repairLog, replicaLog } from './repair-log.ts'
import { privateKeyOf } from './store/host-key.ts'
import { LevelStore } from './store/level.ts'

/** Serves until `ended` says by what signal. @throws WeftError what keeps it from serving */
export async function main(config: Config, ended: Promise<string>): Promise<void> {
	const log = openLog(config.logLevel)
	try {
		await serve(config, ended, log)
	} finally {
		await written(log)
	}
}

async function serve(config: Config, ended: Promise<string>, log: Logger): Promise<void> {
	const locked = await lockNetns()
	if (!locked) log.warn('this kernel has no nfnetlink_queue: a second weftd in this network namespace is not noticed')
	dropCapabilities(process.env).catch((error: unknown) =>
		log.warn({ err: error }, 'weftd keeps capabilities that it does not need'),
	)
	const manager = new ServiceManager(process.env)
	const stop = await start(config, log)
	manager.serving()
	log.info({ signal: await ended }, 'stopping; networks and containers stay as they are')
	manager.stopping()
	await stop()
}

async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
	const store = await LevelStore.open(config.stateDir)
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const nft = openNft(log)
	const run: NftRunner = nft === undefined ? runNftProgram : (commands) => nft.run(commands)
	const bridges = await filtersBridges(run)
	const wireguard = new Wireguard((publicKey) => privateKeyOf(store, publicKey))
	wireguard.open()
	const facts = hostFacts(rtnetlink, wireguard, bridges)
	const flows = new Flows()
	flows.open()
	const firewall = new Firewall(run, bridges ? TABLES : [INET_TABLE])
	const departures = new Departures()
	const kernel = new LinuxKernel(rtnetlink, firewall, new HostPorts(), flows, departures, wireguard)
	const warn: Host['warn'] = (error, message) => log.warn({ err: error }, message)
	const inform: Host['inform'] = (message) => log.info(message)
	const known = { links: new Set<string>(), prepared: new Set<string>(), owners: new Map() }
	const clustered = await openCluster(config, store, rtnetlink, log)
	const together = clustered === undefined ? {} : { cluster: clustered.verbs }
	const host: Host = { store, kernel, facts, ...together, mutex: new KeyedMutex(), ...known, warn, inform }
	const metrics = new Metrics()
	const occupied = async () => [...(await facts.occupied()), ...(clustered?.claimed() ?? [])]
	const ipam = new Ipam(store, config.pools, { ...facts, occupied }, clustered?.networks)
	ipam.load()
	const restoration = new Restoration((error) => log.error({ err: error }, messageOf(error)))
	const peering = new Peering(host)
	const repairs = new Repairs(host, peering, restoration.done, repairLog(log, metrics))
	const docker = new DockerClient(config.dockerHost)
	const view = { links: () => rtnetlink.links(), bridgeNames: () => bridgeNames(docker), close: () => docker.close() }
	const dockers = new DockerBridges(host, view, restoration.done, { info: inform, warn })
	const watch = new Watch(repairs, rtnetlink, dockers, departures)
	// Before links and rules are looked at: what others change in between would be missed.
	watch.openLinks()
	const rules = watch.openRules(nft).catch((error: unknown) => {
		warn(error, 'changes of firewall rules will not be noticed')
	})
	const sharedPorts = new SharedPorts(host)
	const ofContainers = containerView(docker, rtnetlink)
	const owners = new Owners(host, ofContainers, sharedPorts, restoration.done, repairLog(log, metrics))
	const verbs = networkDriver(host, () => repairs.firewallDue(), sharedPorts, peering, owners)
	const forgotten = new Forgotten(host, verbs, ipam, engineView(docker), restoration.done, forgottenLog(log, metrics))
	const replicas = clustered && new Replicas(host, clustered.verbs, makerOf(docker), restoration.done, replicaLog(log))
	const ofCluster = clustered === undefined || replicas === undefined ? [] : [clustered.networks, replicas]
	const rounds = new Rounds([repairs, forgotten, peering, owners, ...ofCluster])
	const server = buildServer({
		network: verbs,
		ipam,
		ready: () => restoration.attempt(),
		scope: config.scope,
		logger: log,
		observe: (call: Call) => {
			metrics.called(call)
			forgotten.called(call.method)
			owners.called()
			replicas?.called(call.method)
		},
		activated: () => {
			dockers.look()
			owners.look()
		},
	})
	const { socket, stateDir, scope, node, cluster } = config
	const settings = { socket, stateDir, scope, node, cluster: cluster.endpoints }
	const rulesBy = nft === undefined ? 'nft program' : 'libnftables'
	const daemon = new Daemon(settings, rulesBy, metrics, restoration, clustered?.view)
	const parts = { host, daemon, logger: log }
	// First, since where it fails nothing of it is left to be taken away.
	const stopScrapes = await (config.metrics && listenOnPort(buildScrapes(parts), config.metrics))
	const stopServing = await listenOnSocket(server, config.socket)
	// After Docker's, which Docker may be waiting for.
	const names = () => dockerNames(docker).catch(() => NO_NAMES)
	const engine = () => engineVersion(docker).catch(() => null)
	const admin = buildAdmin({ ...parts, sharedPorts, owners, names, engine, settings: config.shown })
	const stopAdmin = await listenOnSocket(admin, config.adminSocket).catch(async (error: unknown) => {
		await stopServing()
		throw error
	})
	log.info({ socket: config.socket, state: config.stateDir }, 'weft is serving')
	clustered?.open()
	replicas?.open()
	restoration.begin(async () => {
		await rules
		await peering.refresh()
		const counts = await resync(host, dockers.apart(await rtnetlink.links()))
		log.info(counts, 'restored')
		void keepPassage(host)
		dockers.look()
		sharedPorts.followAll()
		owners.begin()
		peering.open()
	})
	return async () => {
		// First, since calls that are under way may wait for etcd for longer than Docker does for weft to end.
		await clustered?.close()
		await Promise.all([stopServing(), stopAdmin(), stopScrapes?.()])
		await restoration.close()
		watch.close()
		rounds.close()
		await sharedPorts.close()
		await peering.close()
		// Breaks off what Docker is being asked.
		await dockers.close()
		await owners.close()
		await forgotten.close()
		await replicas?.close()
		await repairs.close()
		await store.close()
		await Promise.all([flows.close(), wireguard.close()])
		await rtnetlink.close()
	}
}

/** Undefined without `WEFT_CLUSTER`: then nothing of it is loaded either. */
async function openCluster(
	config: Config,
	store: LevelStore,
	rtnetlink: Rtnetlink,
	log: Logger,
): Promise<Clustered | undefined> {
	if (config.cluster.endpoints.length === 0) return undefined
	const { joinCluster } = await import('./clustered.ts')
	return await joinCluster(config, store, () => underlayAddress(rtnetlink), log)
}

function makerOf(docker: DockerClient): Engine {
	return { networks: () => dockerNetworks(docker), make: (network) => makeNetwork(docker, network) }
}

function engineView(docker: DockerClient): EngineView {
	return {
		engine: () => engineName(docker),
		networks: () => dockerNetworks(docker),
		endpoints: (networkId) => dockerEndpoints(docker, networkId),
	}
}

function containerView(docker: DockerClient, rtnetlink: Rtnetlink): ContainerView {
	return {
		list: (patience) => dockerContainers(docker, patience),
		pidOf: (id) => containerPid(docker, id),
		follow: (heard, ending) => followContainers(docker, heard, ending),
		isThere: () => isRunning('dockerd'),
		open: (pid) => LinuxContainerKernel.open(rtnetlink, pid),
	}
}

function openNft(log: Logger): Nft | undefined {
	try {
		return Nft.open()
	} catch (error) {
		const less = "using the nft program, which is slower, and not noticing what others do to weft's table"
		log.warn(`${messageOf(error)}; ${less}`)
		return undefined
	}
}
