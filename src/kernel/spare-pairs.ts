/**
 * Veth pairs made ahead of need. A pair's creation leaves work that the kernel puts off (RCU callbacks), and dockerd's
 * move of one end into the container waits for all of it: a pair that is not new saves some 3 ms.
 */
import { randomBytes } from 'node:crypto'
import { isErrno } from '../errors.ts'
import { isSpareName, peerName, spareName } from '../model/names.ts'
import type { LinkInfo } from './netlink/link.ts'
import type { Rtnetlink } from './netlink/rtnetlink.ts'

/** A container on two networks takes two; a crowd that starts at once gains nothing from more. */
const COUNT = 2

/** Milliseconds after the last one was taken: a pair that is made while dockerd moves another would hold that up. */
const CALM = 100

export class SparePairs {
	readonly #rtnetlink: Rtnetlink
	#ready: string[] = []
	#wanted = false
	#timer: NodeJS.Timeout | undefined
	/** Pairs are made and taken away one after the other. */
	#working: Promise<void> = Promise.resolve()

	constructor(rtnetlink: Rtnetlink) {
		this.#rtnetlink = rtnetlink
	}

	/** The host's end of a pair that belongs to the caller from now on; undefined while none is ready. */
	take(): string | undefined {
		const name = this.#ready.pop()
		if (this.#wanted) this.#refillLater()
		return name
	}

	/** Takes over pairs that an earlier process had ready: whole, on no bridge and on nobody's record. */
	async adopt(onRecord: ReadonlySet<string>): Promise<void> {
		const links = new Map((await this.#rtnetlink.links()).map((link) => [link.name, link]))
		const idle = ({ name, masterIndex }: LinkInfo) =>
			isSpareName(name) && masterIndex === undefined && links.has(peerName(name)) && !onRecord.has(name)
		for (const { name } of [...links.values()].filter(idle)) this.#ready.push(name)
	}

	/** From now on has pairs ready, or takes away those that there are, and returns when they are gone. */
	async keep(wanted: boolean): Promise<void> {
		this.#wanted = wanted
		if (wanted) this.#refillLater()
		else await this.#next(() => this.#dismiss())
	}

	#refillLater(): void {
		clearTimeout(this.#timer)
		// Whoever finds no spare makes a pair, and hears what is in the way.
		this.#timer = setTimeout(() => void this.#next(() => this.#refill()).catch(() => undefined), CALM).unref()
	}

	async #refill(): Promise<void> {
		while (this.#wanted && this.#ready.length < COUNT) {
			const name = spareName(randomBytes(5))
			await this.#rtnetlink.addVeth({ name, peer: peerName(name) })
			this.#ready.push(name)
		}
	}

	async #dismiss(): Promise<void> {
		while (!this.#wanted) {
			const name = this.#ready.pop()
			if (name === undefined) return
			await this.#rtnetlink.deleteLink(name).catch((error: unknown) => {
				if (!isErrno(error, 'ENODEV')) throw error
			})
		}
	}

	#next(work: () => Promise<void>): Promise<void> {
		const mine = this.#working.then(work)
		this.#working = mine.catch(() => undefined)
		return mine
	}
}
