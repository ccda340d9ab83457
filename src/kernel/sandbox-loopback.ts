/** What of its loopback a container has together with its network's owner, made in the container's namespace from outside. */
import { isErrno } from '../errors.ts'
import { parseCidr } from '../model/address.ts'
import { OWN_LOOPBACK6, renderLoopbacks, renderNone, type SharedLoopbacks } from './loopback-table.ts'
import { Rtnetlink } from './netlink/rtnetlink.ts'
import type { Visit } from './netns.ts'
import { runNftIn } from './nftables.ts'
import { setSysctl } from './sysctl.ts'

/** One call at a time. */
export class SandboxLoopback {
	readonly #visit: Visit
	readonly #link: number
	readonly #name: string
	/** What was made there last, as text. */
	#made = ''

	/** `link` is the index, in the namespace, of the container's link, and `name` that of the other end of it. */
	constructor(visit: Visit, link: number, name: string) {
		this.#visit = visit
		this.#link = link
		this.#name = name
	}

	/**
	 * Does nothing where it was the same the last time. False while the link is down, as until dockerd is done with it: to be tried
	 * again soon. @throws WeftError without libnftables, or where the kernel refuses
	 */
	async share(shared: SharedLoopbacks): Promise<boolean> {
		const text = renderLoopbacks(this.#name, shared)
		if (text === this.#made) return true
		const isDone = this.#made === '' ? await this.#begin(text, shared) : await this.#run(text).then(() => true)
		if (isDone) this.#made = text
		return isDone
	}

	/** What is set on the link goes with it. */
	async unshare(): Promise<void> {
		if (this.#made !== '') await this.#run(renderNone(this.#name))
		this.#made = ''
	}

	async #run(commands: string): Promise<void> {
		await runNftIn(this.#visit, commands)
	}

	async #begin(text: string, shared: SharedLoopbacks): Promise<boolean> {
		const rtnetlink = new Rtnetlink()
		this.#visit(() => rtnetlink.open())
		try {
			const link = await rtnetlink.link(this.#link)
			// Its name is not the last one either until then.
			if (link?.up !== true) return false
			// Rules first, which keep others on the network away from the loopback.
			await this.#run(text)
			if (shared[6] !== undefined) await addAlias(rtnetlink, this.#link)
			if (shared[4] !== undefined) this.#visit(() => setSysctl(`net/ipv4/conf/${link.name}/route_localnet`, '1'))
			return true
		} finally {
			await rtnetlink.close()
		}
	}
}

/** So that answers find their way. Nothing with this address leaves the container, and no program's packets get it. */
async function addAlias(rtnetlink: Rtnetlink, link: number): Promise<void> {
	try {
		await rtnetlink.addAddress(link, parseCidr(`${OWN_LOOPBACK6}/128`), { nodad: true, deprecated: true })
	} catch (error) {
		if (!isErrno(error, 'EEXIST')) throw error
	}
}
