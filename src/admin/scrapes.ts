/** The fastify instance that answers Prometheus: by TCP, where it is wanted, and as a part of the admin API. */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { Host } from '../network/host.ts'
import { EXPOSITION_TYPE, exposition } from './exposition.ts'
import { NO_NAMES } from './names.ts'
import { countedOf, type Daemon } from './status.ts'
import { poolList } from './views.ts'

export interface ScrapeParts {
	readonly host: Host
	readonly daemon: Daemon
	readonly logger: FastifyBaseLogger
}

/** It has `GET /metrics` and nothing else: by TCP, whoever reaches it may read it. */
export function buildScrapes({ host, daemon, logger }: ScrapeParts): FastifyInstance {
	const server = Fastify({
		loggerInstance: logger,
		logController: new LogController({ disableRequestLogging: true }),
		exposeHeadRoutes: false,
	})
	server.get('/metrics', async (_request, reply) => {
		const { calls } = daemon.metrics
		const { rss: memory } = process.memoryUsage()
		const pools = poolList(host, NO_NAMES)
		return reply.type(EXPOSITION_TYPE).send(exposition({ counted: countedOf(host, daemon), pools, calls, memory }))
	})
	return server
}
