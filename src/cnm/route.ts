/** How a call is registered: the shape of its arguments, and whether it changes something or answers at once. */
import type { TSchema } from 'typebox/type'

/**
 * `immediate` calls answer before weft has restored its networks: dockerd gives up on a plugin whose activation is slow.
 * `changing` calls are logged at info, the others at debug.
 */
export type CallKind = 'immediate' | 'asking' | 'changing'

declare module 'fastify' {
	interface FastifyContextConfig {
		kind?: CallKind
	}
}

/** A call without arguments: whatever body comes with it is ignored. */
export const immediate = { config: { kind: 'immediate' as const } }

export function asking<T extends TSchema>(body: T) {
	return { schema: { body }, config: { kind: 'asking' as const } }
}

export function changing<T extends TSchema>(body: T) {
	return { schema: { body }, config: { kind: 'changing' as const } }
}
