/** The fastify instance that answers people and tools on the admin socket: reads, and changes nothing but who is in the cluster, by which key. */
import type { FastifyInstance } from 'fastify'
import { isCode, messageOf, WeftError } from '../errors.ts'
import { type Difference, diff } from '../network/diff.ts'
import type { Owners } from '../network/owners.ts'
import type { SharedPorts } from '../network/shared-ports.ts'
import type { Refusal, Settings, Status } from './api.ts'
import { containerDetail, containerList } from './containers.ts'
import type { Names } from './names.ts'
import { buildScrapes, type ScrapeParts } from './scrapes.ts'
import { statusOf } from './status.ts'
import { addressesOf, differenceView, findNetwork, networkDetail, networkList, poolList, portList } from './views.ts'

export interface AdminParts extends ScrapeParts {
	readonly sharedPorts: Pick<SharedPorts, 'of'>
	readonly owners: Pick<Owners, 'of'>
	/** Never fails: without an answer of Docker's there are none. */
	readonly names: () => Promise<Names>
	/** Version of the Docker Engine; null without an answer of its. */
	readonly engine: () => Promise<string | null>
	/** As anybody may see them. */
	readonly settings: Settings
}

interface Named {
	readonly Params: { readonly network: string }
}

export function buildAdmin({ names, sharedPorts, owners, engine, settings, ...parts }: AdminParts): FastifyInstance {
	const { host, daemon } = parts
	const known = { of: (id: string) => sharedPorts.of(id), ownerOf: (id: string) => owners.of(id).why }
	const server = buildScrapes(parts)
	answerErrors(server)
	server.get('/status', async (): Promise<Status> => statusOf(host, daemon, await engine()))
	server.get('/settings', async (): Promise<Settings> => settings)
	server.get('/networks', async () => networkList(host, await names()))
	server.get<Named>('/networks/:network', async ({ params }) => {
		const called = await names()
		return networkDetail(host, called, findNetwork(host, called, params.network), known)
	})
	server.get<Named>('/networks/:network/addresses', async ({ params }) => {
		const called = await names()
		return addressesOf(host, called, findNetwork(host, called, params.network))
	})
	server.get('/containers', async () => containerList(host, await names()))
	server.get<{ readonly Params: { readonly container: string } }>('/containers/:container', async ({ params }) => {
		return containerDetail(host, await names(), params.container, known)
	})
	server.get('/ports', async () => portList(host, await names(), sharedPorts))
	server.get('/pools', async () => poolList(host, await names()))
	const cluster = () => {
		if (daemon.cluster !== undefined) return daemon.cluster
		throw new WeftError('invalid', 'this host is in no cluster: WEFT_CLUSTER is empty')
	}
	server.get('/nodes', async () => cluster().nodes())
	server.delete<{ readonly Params: { readonly node: string } }>('/nodes/:node', async ({ params }) => {
		await cluster().forget(params.node)
		return {}
	})
	server.post('/rekey', async () => {
		await cluster().rekey()
		return {}
	})
	const differences = shared(async () => {
		await daemon.restoration.attempt().catch(() => undefined)
		return diff(host)
	})
	server.get('/diff', async () => {
		const [called, found] = await Promise.all([names(), differences()])
		return found.map((each) => differenceView(called, each))
	})
	return server
}

/** Who asks while the answer is on its way gets the same one: however many ask, the kernel is looked at once. */
function shared(look: () => Promise<Difference[]>): () => Promise<Difference[]> {
	let looking: Promise<Difference[]> | undefined
	return () => {
		looking ??= look().finally(() => {
			looking = undefined
		})
		return looking
	}
}

function answerErrors(server: FastifyInstance): void {
	server.setErrorHandler((error, request, reply) => {
		if (!(error instanceof WeftError)) request.log.error({ err: error }, `${request.method} ${request.url} broke`)
		return reply.code(codeFor(error)).send({ error: messageOf(error) } satisfies Refusal)
	})
	server.setNotFoundHandler((request, reply) => {
		const error = `${request.method} ${request.url} is not a call of weft's admin API`
		return reply.code(404).send({ error } satisfies Refusal)
	})
}

function codeFor(error: unknown): number {
	if (isCode(error, 'not-found')) return 404
	if (isCode(error, 'in-use')) return 409
	return isCode(error, 'invalid') ? 400 : 500
}
