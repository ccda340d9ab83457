/** IpamDriver's calls, one route each: translate, call the verb, translate back. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { IpamVerbs } from '../ipam/verbs.ts'
import { GLOBAL_SPACE, LOCAL_SPACE } from '../model/pool.ts'
import { changing, immediate } from './route.ts'
import * as schema from './schema.ts'
import { fromAddress, fromPool, toAddressRequest, toPlainAddress, toPoolRequest } from './translate-ipam.ts'

const SPACES = { LocalDefaultAddressSpace: LOCAL_SPACE, GlobalDefaultAddressSpace: GLOBAL_SPACE }

export function ipamDriver(ipam: IpamVerbs): FastifyPluginAsyncTypebox {
	return async (server) => {
		server.post('/IpamDriver.GetCapabilities', immediate, async () => {
			return { RequiresMACAddress: false, RequiresRequestReplay: false }
		})
		server.post('/IpamDriver.GetDefaultAddressSpaces', immediate, async () => SPACES)

		server.post('/IpamDriver.RequestPool', changing(schema.RequestPool), async ({ body }) => {
			return fromPool(await ipam.requestPool(toPoolRequest(body)))
		})
		server.post('/IpamDriver.ReleasePool', changing(schema.PoolRef), async ({ body }) => {
			await ipam.releasePool(body.PoolID)
			return {}
		})

		server.post('/IpamDriver.RequestAddress', changing(schema.RequestAddress), async ({ body }) => {
			return fromAddress(await ipam.requestAddress(toAddressRequest(body)))
		})
		server.post('/IpamDriver.ReleaseAddress', changing(schema.ReleaseAddress), async ({ body }) => {
			/** An endpoint without an address of a family is released with an empty one. */
			if (body.Address) await ipam.releaseAddress(body.PoolID, toPlainAddress(body.Address))
			return {}
		})
	}
}
