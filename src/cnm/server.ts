/**
 * The fastify instance that speaks Docker's plugin protocol: bodies without a Content-Type, errors as `Err` and `Error`,
 * connections that are never closed while idle, one log line for each call.
 */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import type { IpamVerbs } from '../ipam/verbs.ts'
import type { Call } from '../metrics.ts'
import type { NetworkVerbs } from '../network/verbs.ts'
import { activate } from './activate.ts'
import { fieldError, refuseBadUrl, refuseBrokenHttp } from './failure.ts'
import { ipamDriver } from './ipam-driver.ts'
import {
	acceptBodies,
	answerAsPlugin,
	answerErrors,
	endConnectionsOnClose,
	holdUntilReady,
	logCalls,
	observeCalls,
} from './lifecycle.ts'
import { networkDriver, type Scope } from './network-driver.ts'

const BODY_LIMIT = 4 * 1024 * 1024

/** A request that has begun has this long to arrive, so that half a request does not hold a descriptor for ever. */
const ARRIVAL_TIMEOUT = 60_000

/** dockerd waits for ever and holds its locks meanwhile: better an error than a daemon in which `docker ps` hangs. */
const READY_TIMEOUT = 9_000

/** Bodies are taken as they are. TypeBox made the schemas: to compile the schema of schemas for them took 20 ms of a start. */
const VALIDATION = {
	coerceTypes: false,
	useDefaults: false,
	removeAdditional: false,
	verbose: true,
	validateSchema: false,
	meta: false,
} as const

export interface ServerParts {
	readonly network: NetworkVerbs
	readonly ipam: IpamVerbs
	/**
	 * Resolves when weft has restored its networks; until then only the calls of an activation are answered. Rejects where
	 * it could not, with what callers are told.
	 */
	readonly ready: () => Promise<void>
	readonly scope: Scope
	readonly logger: FastifyBaseLogger
	/** Told of each call when it is answered. */
	readonly observe?: (call: Call) => void
	/** dockerd has activated weft: it is there, and not known to have been before. Returns at once. */
	readonly activated: () => void
	/** Milliseconds that a call waits for `ready`. */
	readonly readyTimeout?: number
}

export function buildServer(parts: ServerParts): FastifyInstance {
	const server = Fastify({
		loggerInstance: parts.logger,
		logController: new LogController({ disableRequestLogging: true }),
		bodyLimit: BODY_LIMIT,
		requestTimeout: ARRIVAL_TIMEOUT,
		http: { headersTimeout: ARRIVAL_TIMEOUT },
		return503OnClosing: false,
		exposeHeadRoutes: false,
		ajv: { customOptions: VALIDATION },
		schemaErrorFormatter: (errors) => fieldError(errors),
		// The lines of a call name its ids: a logger of its own would add nothing.
		childLoggerFactory: (logger) => logger,
		frameworkErrors: refuseBadUrl,
		clientErrorHandler: refuseBrokenHttp,
	})

	// Fastify takes a 0 for "not given". A connection closed while idle can meet dockerd's next call on its way, and
	// dockerd repeats such a call without its body.
	server.server.keepAliveTimeout = 0

	answerAsPlugin(server)
	acceptBodies(server)
	holdUntilReady(server, parts.ready, parts.readyTimeout ?? READY_TIMEOUT)
	answerErrors(server)
	logCalls(server)
	if (parts.observe !== undefined) observeCalls(server, parts.observe)
	endConnectionsOnClose(server)

	void server.register(activate)
	void server.register(networkDriver(parts.network, parts.scope, parts.activated))
	void server.register(ipamDriver(parts.ipam))
	return server
}
