/** dockerd's side of a weft that dies: what it does when an answer does not come, and which addresses it holds. */
import { type Json, type RawAnswer, Wire } from '../support/wire.ts'

/**
 * What follows a broken connection: the call again, as after a refused dial; the call again without its body, as after one
 * that broke with the answer on its way; or nothing, since weft stayed away too long.
 */
export type Manner = 'whole' | 'empty' | 'lost'

export const MANNERS: readonly Manner[] = ['whole', 'empty', 'lost']

/** A weft that can be found dead. */
export interface Mortal {
	/** Undefined where no answer came. */
	tryAnswer(method: string, body: string): Promise<RawAnswer | undefined>
	/** Waits until there is a living one again. */
	restarted(): Promise<void>
}

export class MortalWire extends Wire {
	/** What went against the rules, for people. */
	readonly violations: string[] = []
	/** Ids of networks that Docker does not know and weft may have. */
	readonly doubtful = new Set<string>()
	readonly #weft: Mortal
	readonly #manner: () => Manner
	/** Addresses that Docker holds, by pool. */
	readonly #held = new Map<string, Set<string>>()

	constructor(weft: Mortal, manner: () => Manner) {
		super('')
		this.#weft = weft
		this.#manner = manner
	}

	override async raw(method: string, body = ''): Promise<RawAnswer> {
		const args: Json = body === '' ? {} : JSON.parse(body)
		this.#letGo(method, args)
		for (let sent = body; ; ) {
			const answer = await this.#weft.tryAnswer(method, sent)
			if (answer !== undefined) {
				if (answer.status === 200) this.#take(method, args, JSON.parse(answer.text))
				return answer
			}
			const manner = this.#manner()
			const isDoubtful = manner !== 'whole' && /\.(CreateNetwork|DeleteNetwork)$/.test(method)
			if (isDoubtful) this.doubtful.add(String(args.NetworkID))
			await this.#weft.restarted()
			if (manner === 'lost') throw new Error(`${method}: weft is away`)
			if (manner === 'empty') sent = ''
		}
	}

	/** Docker counts it as free before weft has answered, and whatever that answers. */
	#letGo(method: string, { PoolID, Address }: Json): void {
		if (method === 'IpamDriver.ReleasePool') this.#held.delete(String(PoolID))
		if (method === 'IpamDriver.ReleaseAddress') this.#held.get(String(PoolID))?.delete(String(Address))
	}

	#take(method: string, args: Json, answer: Json): void {
		if (method === 'IpamDriver.RequestPool') {
			if (this.#held.has(String(answer.PoolID))) this.violations.push(`pool ${String(answer.PoolID)} came twice`)
			this.#held.set(String(answer.PoolID), new Set())
		}
		if (method !== 'IpamDriver.RequestAddress') return
		const held = this.#held.get(String(args.PoolID))
		const [address = ''] = String(answer.Address).split('/')
		if (held?.has(address)) this.violations.push(`address ${address} came twice`)
		held?.add(address)
	}
}
