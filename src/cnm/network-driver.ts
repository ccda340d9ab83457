/** NetworkDriver's calls, one route each: translate, call the verb, translate back. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { NetworkVerbs } from '../network/verbs.ts'
import { asking, changing, immediate } from './route.ts'
import * as schema from './schema.ts'
import { fromEndpoint, fromJoin, toEndpoint, toNetwork, toOptions, toPorts } from './translate-network.ts'

export type Scope = 'local' | 'global'

export function networkDriver(network: NetworkVerbs, scope: Scope, activated: () => void): FastifyPluginAsyncTypebox {
	return async (server) => {
		// The last call of an activation, and the only one that managed plugins get.
		server.post('/NetworkDriver.GetCapabilities', immediate, async () => {
			activated()
			return { Scope: scope, ConnectivityScope: scope, GwAllocChecker: true }
		})
		server.post('/NetworkDriver.GwAllocCheck', asking(schema.GwAllocCheck), async ({ body }) => {
			const skips = network.skipsGateway(toOptions(body.Options))
			return { SkipIPv4: skips[4], SkipIPv6: skips[6] }
		})

		server.post('/NetworkDriver.AllocateNetwork', asking(schema.AllocateNetwork), async ({ body }) => {
			return { Options: body.Options ?? {} }
		})
		server.post('/NetworkDriver.FreeNetwork', asking(schema.NetworkRef), async () => ({}))

		server.post('/NetworkDriver.CreateNetwork', changing(schema.CreateNetwork), async ({ body }, reply) => {
			await network.createNetwork(toNetwork(body))
			// Not where the connection broke before.
			reply.raw.once('finish', () => network.networkAnswered(body.NetworkID))
			return {}
		})
		server.post('/NetworkDriver.DeleteNetwork', changing(schema.NetworkRef), async ({ body }) => {
			await network.deleteNetwork(body.NetworkID)
			return {}
		})

		server.post('/NetworkDriver.CreateEndpoint', changing(schema.CreateEndpoint), async ({ body }) => {
			return fromEndpoint(await network.createEndpoint(toEndpoint(body)))
		})
		server.post('/NetworkDriver.DeleteEndpoint', changing(schema.EndpointRef), async ({ body }) => {
			await network.deleteEndpoint(body.NetworkID, body.EndpointID)
			return {}
		})
		server.post('/NetworkDriver.EndpointOperInfo', asking(schema.EndpointRef), async () => ({ Value: {} }))

		server.post('/NetworkDriver.Join', changing(schema.EndpointRef), async ({ body }) => {
			return fromJoin(await network.join(body.NetworkID, body.EndpointID))
		})
		server.post('/NetworkDriver.Leave', changing(schema.EndpointRef), async ({ body }) => {
			await network.leave(body.NetworkID, body.EndpointID)
			return {}
		})

		const program = changing(schema.ProgramExternalConnectivity)
		server.post('/NetworkDriver.ProgramExternalConnectivity', program, async ({ body }) => {
			await network.publish(body.NetworkID, body.EndpointID, toPorts(body))
			return {}
		})
		server.post('/NetworkDriver.RevokeExternalConnectivity', changing(schema.EndpointRef), async ({ body }) => {
			await network.unpublish(body.NetworkID, body.EndpointID)
			return {}
		})

		server.post('/NetworkDriver.DiscoverNew', asking(schema.Discovery), async () => ({}))
		server.post('/NetworkDriver.DiscoverDelete', asking(schema.Discovery), async () => ({}))
	}
}
