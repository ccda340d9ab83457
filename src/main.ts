/**
 * The daemon, and the only place where implementations are constructed: reads the settings, opens the state, serves
 * Docker, makes true what is stored, and on SIGTERM stops serving while networks and containers stay as they are.
 */
import { pino } from 'pino'
import { NO_NAMES } from './admin/names.ts'
import { buildAdmin } from './admin/server.ts'
import { Daemon } from './admin/status.ts'
import { buildServer } from './cnm/server.ts'
import { type Config, readConfig } from './config.ts'
import { DockerClient } from './docker/client.ts'
import { bridgeNames, dockerEndpoints, dockerNetworks, engineName } from './docker/networks.ts'
import { messageOf } from './errors.ts'
import { Ipam } from './ipam/ipam.ts'
import type { KeeperLog } from './keeper.ts'
import { dropCapabilities } from './kernel/capabilities.ts'
import { Firewall, type NftRunner } from './kernel/firewall.ts'
import { Flows } from './kernel/flows.ts'
import { hostFacts } from './kernel/host.ts'
import { INET_TABLE } from './kernel/inet-table.ts'
import { LinuxKernel } from './kernel/kernel.ts'
import { Rtnetlink } from './kernel/netlink/rtnetlink.ts'
import { filtersBridges, Nft, runNftProgram } from './kernel/nftables.ts'
import { HostPorts } from './kernel/ports.ts'
import { TABLES } from './kernel/ruleset.ts'
import { Watch } from './kernel/watch.ts'
import { listenOnSocket } from './listen.ts'
import { type Call, Metrics } from './metrics.ts'
import { KeyedMutex } from './mutex.ts'
import { DockerBridges } from './network/docker-bridges.ts'
import { networkDriver } from './network/driver.ts'
import { type EngineView, Forgotten } from './network/forgotten.ts'
import { type Host, keepPassage } from './network/host.ts'
import { Repairs } from './network/repairs.ts'
import { resync } from './network/resync.ts'
import { Rounds } from './network/rounds.ts'
import { LevelStore } from './store/level.ts'

type Logger = pino.Logger

async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
	const store = await LevelStore.open(config.stateDir)
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const nft = openNft(log)
	const run: NftRunner = nft === undefined ? runNftProgram : (commands) => nft.run(commands)
	const bridges = await filtersBridges(run)
	const facts = hostFacts(rtnetlink, bridges)
	const flows = new Flows()
	flows.open()
	const firewall = new Firewall(run, bridges ? TABLES : [INET_TABLE])
	const kernel = new LinuxKernel(rtnetlink, firewall, new HostPorts(), flows)
	const warn: Host['warn'] = (error, message) => log.warn({ err: error }, message)
	const inform: Host['inform'] = (message) => log.info(message)
	const known = { links: new Set<string>(), prepared: new Set<string>() }
	const host: Host = { store, kernel, facts, mutex: new KeyedMutex(), ...known, warn, inform }
	const metrics = new Metrics()
	const ipam = new Ipam(store, config.pools, facts.occupied)
	ipam.load()
	// In the next turn, when links are watched already: a bridge that comes in between would be missed.
	const ready = Promise.resolve().then(async () => {
		await watch.openRules(nft).catch((error: unknown) => warn(error, 'changes of firewall rules will not be noticed'))
		const counts = await resync(host, dockers.apart(await rtnetlink.links()))
		log.info(counts, 'restored')
		void keepPassage(host)
		dockers.look()
	})
	const repairs = new Repairs(host, ready, repairLog(log, metrics))
	const docker = new DockerClient(config.dockerHost)
	const view = { links: () => rtnetlink.links(), bridgeNames: () => bridgeNames(docker), close: () => docker.close() }
	const dockers = new DockerBridges(host, view, ready, { info: inform, warn })
	const forgotten = new Forgotten(host, ipam, engineView(docker), ready, forgottenLog(log, metrics))
	const watch = new Watch(repairs, rtnetlink, dockers)
	watch.openLinks()
	const rounds = new Rounds([repairs, forgotten])
	const server = buildServer({
		network: networkDriver(host, () => repairs.firewallDue()),
		ipam,
		ready,
		scope: config.scope,
		logger: log,
		observe: (call: Call) => {
			metrics.called(call)
			forgotten.called(call.method)
		},
		activated: () => dockers.look(),
	})
	const stopServing = await listenOnSocket(server, config.socket)
	// After Docker's, which Docker may be waiting for.
	const daemon = new Daemon(config, nft === undefined ? 'nft program' : 'libnftables', metrics, ready)
	const admin = buildAdmin({ host, daemon, names: async () => NO_NAMES, logger: log })
	const stopAdmin = await listenOnSocket(admin, config.adminSocket).catch(async (error: unknown) => {
		await stopServing()
		throw error
	})
	log.info({ socket: config.socket, state: config.stateDir }, 'weft is serving')
	return async () => {
		await Promise.all([stopServing(), stopAdmin()])
		await ready.catch(() => undefined)
		watch.close()
		rounds.close()
		// Breaks off what Docker is being asked.
		await dockers.close()
		await forgotten.close()
		await repairs.close()
		await store.close()
		await flows.close()
		await rtnetlink.close()
	}
}

function engineView(docker: DockerClient): EngineView {
	return {
		engine: () => engineName(docker),
		networks: () => dockerNetworks(docker),
		endpoints: (networkId) => dockerEndpoints(docker, networkId),
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

function repairLog(log: Logger, metrics: Metrics): KeeperLog {
	return {
		repaired: (repair) => {
			metrics.repaired(repair)
			const { cause, done, pause } = repair
			const rest = pause === undefined ? '' : `; this keeps happening, so the next repair waits ${pause / 1000} s`
			log.warn({ repairs: metrics.repairs.done }, `repaired, because ${cause}: ${done.join(', ')}${rest}`)
		},
		failed: (error, cause) => {
			metrics.failed()
			log.warn({ err: error }, `not repaired, although ${cause}: ${messageOf(error)}`)
		},
	}
}

/** Docker may be away for long, and nothing is amiss then. */
function forgottenLog(log: Logger, metrics: Metrics): KeeperLog {
	const failed = (error: unknown) => log.debug({ err: error }, 'what Docker may have forgotten cannot be told')
	return { ...repairLog(log, metrics), failed }
}

export async function main(): Promise<void> {
	const config = readConfig(process.env, process.argv.slice(2))
	const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime })
	dropCapabilities().catch((error: unknown) =>
		log.warn({ err: error }, 'weftd keeps capabilities that it does not need'),
	)
	const stop = await start(config, log)
	const end = (signal: string) => {
		log.info({ signal }, 'stopping; networks and containers stay as they are')
		stop().then(
			() => process.exit(0),
			(error: unknown) => {
				log.error({ err: error }, 'stopped with an error')
				process.exit(1)
			},
		)
	}
	process.once('SIGTERM', end)
	process.once('SIGINT', end)
}
