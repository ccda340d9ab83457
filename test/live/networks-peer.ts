/** A process in a network namespace of its own, started by networks-bed.ts: does there what it is told, and ends with it. */
import { answer, type Call } from './networks-talk.ts'

process.on('disconnect', () => process.exit(0))
process.on('message', ({ id, call }: { id: number; call: Call }) => {
	answer(call).then(
		(text) => process.send?.({ id, text }),
		(error: Error) => process.send?.({ id, error: error.message }),
	)
})
process.send?.({ id: 0, text: 'ready' })
