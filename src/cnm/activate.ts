/** Plugin.Activate: what dockerd asks a plugin first. Managed plugins are never asked. */
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { immediate } from './route.ts'

export const activate: FastifyPluginAsyncTypebox = async (server) => {
	server.post('/Plugin.Activate', immediate, async () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }))
}
