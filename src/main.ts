/**
 * The daemon, and the only place where implementations are constructed: reads the settings, opens the state, serves
 * Docker, makes true what is stored, and on SIGTERM stops serving while networks and containers stay as they are.
 */
import { pino } from 'pino'
import { listenOnSocket } from './cnm/listen.ts'
import { buildServer } from './cnm/server.ts'
import { type Config, readConfig } from './config.ts'
import { messageOf } from './errors.ts'
import { Ipam } from './ipam/ipam.ts'
import { dockerBridges, followDockerBridges } from './kernel/docker-bridges.ts'
import { Firewall, type NftRunner } from './kernel/firewall.ts'
import { Flows } from './kernel/flows.ts'
import { hostFacts } from './kernel/host.ts'
import { LinuxKernel } from './kernel/kernel.ts'
import { LinkMonitor } from './kernel/netlink/monitor.ts'
import { Rtnetlink } from './kernel/netlink/rtnetlink.ts'
import { Nft, runNftProgram } from './kernel/nftables.ts'
import { HostPorts } from './kernel/ports.ts'
import { KeyedMutex } from './mutex.ts'
import { networkDriver } from './network/driver.ts'
import { type Host, keepPassage } from './network/host.ts'
import { resync } from './network/resync.ts'
import { LevelStore } from './store/level.ts'

type Logger = pino.Logger

async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
	const store = await LevelStore.open(config.stateDir)
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const facts = hostFacts(rtnetlink)
	const flows = new Flows()
	flows.open()
	const kernel = new LinuxKernel(rtnetlink, new Firewall(nftRunner(log)), new HostPorts(), flows)
	const warn: Host['warn'] = (error, message) => log.warn({ err: error }, message)
	const host: Host = { store, kernel, facts, mutex: new KeyedMutex(), prepared: new Set(), warn }
	const ipam = new Ipam(store, config.pools, facts.occupied)
	ipam.load()
	// In the next turn, when the monitor is open already: a bridge that comes in between would be missed.
	const ready = Promise.resolve().then(() => restore(host, rtnetlink, log))
	const monitor = new LinkMonitor(followDockerBridges(kernel, () => rtnetlink.links(), ready, warn))
	monitor.open()
	const server = buildServer({ network: networkDriver(host), ipam, ready, scope: config.scope, logger: log })
	const stopServing = await listenOnSocket(server, config.socket)
	log.info({ socket: config.socket, state: config.stateDir }, 'weft is serving')
	return async () => {
		await stopServing()
		monitor.close()
		await ready.catch(() => undefined)
		await store.close()
		await flows.close()
		await rtnetlink.close()
	}
}

async function restore(host: Host, rtnetlink: Rtnetlink, log: Logger): Promise<void> {
	const counts = await resync(host, dockerBridges(await rtnetlink.links()))
	log.info(counts, 'restored')
	void keepPassage(host)
}

function nftRunner(log: Logger): NftRunner {
	try {
		const nft = Nft.open()
		return (commands) => nft.run(commands)
	} catch (error) {
		log.warn(`${messageOf(error)}; using the nft program, which is slower`)
		return runNftProgram
	}
}

export async function main(): Promise<void> {
	const config = readConfig(process.env, process.argv.slice(2))
	const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime })
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
