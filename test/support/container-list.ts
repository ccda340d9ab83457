/** Containers as Docker would tell of them, for owners of networks: a test starts, stops and removes them. */
import { createHash } from 'node:crypto'
import type { ContainerKernel } from '../../src/kernel/verbs.ts'
import type { Container } from '../../src/network/owner-choice.ts'
import type { ContainerView } from '../../src/network/owner-search.ts'

export class ContainerList implements ContainerView {
	/** Docker does not answer. */
	isAway = false
	/** Id of a container of which Docker does not tell where it runs. */
	mute = ''
	/** dockerd runs, as far as is seen. */
	isRunning = true
	/** How many are told what happens. */
	followers = 0
	/** The last of them is told no more. */
	breakOff: () => void = () => undefined
	/** Questions that wait for `silence` to end. */
	waiting = 0
	/** Docker answers after this. */
	silence: Promise<void> = Promise.resolve()
	readonly #open: (pid: number) => ContainerKernel
	readonly #containers = new Map<string, { readonly container: Container; readonly pid: number }>()
	#heard: () => void = () => undefined

	constructor(open: (pid: number) => ContainerKernel) {
		this.#open = open
	}

	/** `pid` is its first process, of which it may have none yet. */
	start(name: string, pid: number, more: Partial<Container> = {}): Container {
		const id = createHash('sha256').update(name).digest('hex')
		const container = { id, name, running: pid > 0, networkMode: 'default', networks: [], ...more }
		this.#containers.set(name, { container, pid })
		this.#heard()
		return container
	}

	stop(name: string): void {
		this.start(name, 0)
	}

	remove(name: string): void {
		this.#containers.delete(name)
		this.#heard()
	}

	async list(): Promise<readonly Container[]> {
		await this.#listen()
		if (this.isAway) throw new Error('Docker gives no answer')
		return Array.from(this.#containers.values(), ({ container }) => container)
	}

	async pidOf(id: string): Promise<number | undefined> {
		await this.#listen()
		if (id === this.mute) throw new Error('Docker gives no answer')
		const found = [...this.#containers.values()].find(({ container }) => container.id === id)
		return found?.container.running === true ? found.pid : undefined
	}

	follow(heard: () => void, ending: AbortSignal): Promise<void> {
		this.#heard = heard
		this.followers++
		heard()
		return new Promise<void>((resolve, reject) => {
			ending.addEventListener('abort', () => resolve())
			this.breakOff = () => reject(new Error('the connection broke'))
		}).finally(() => {
			this.followers--
			if (this.#heard === heard) this.#heard = () => undefined
		})
	}

	async isThere(): Promise<boolean> {
		return this.isRunning
	}

	open(pid: number): ContainerKernel {
		return this.#open(pid)
	}

	async #listen(): Promise<void> {
		this.waiting++
		await this.silence
		this.waiting--
	}
}
