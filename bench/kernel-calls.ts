/** A program that prints what single calls of the kernel take, in the network namespace that it is started in. */
import { performance } from 'node:perf_hooks'
import { Rtnetlink } from '../src/kernel/netlink/rtnetlink.ts'
import { Nft } from '../src/kernel/nftables.ts'
import { alone, type Row } from './figures.ts'

const ROUNDS = 50
const TABLE = 'inet bench'

async function measure(): Promise<Row[]> {
	const rtnetlink = new Rtnetlink()
	rtnetlink.open()
	const nft = Nft.open()
	await nft.run(`add table ${TABLE}\nadd set ${TABLE} names { type ifname; }\n`)
	const times = new Map<string, number[]>()
	const timed = async (name: string, call: () => Promise<unknown>) => {
		const start = performance.now()
		await call()
		times.set(name, [...(times.get(name) ?? []), performance.now() - start])
	}
	for (let i = 0; i < ROUNDS; i++) {
		await timed('make a veth pair', () => rtnetlink.addVeth({ name: 'bench0', peer: 'bench1' }))
		await timed('set a link up', () => rtnetlink.setLink({ index: rtnetlink.indexOf('bench0') ?? 0, up: true }))
		await timed('add an element to a set', () => nft.run(`add element ${TABLE} names { "bench${i}" }\n`))
		await timed('delete a veth pair', () => rtnetlink.deleteLink('bench0'))
	}
	await nft.run(`delete table ${TABLE}\n`)
	nft.close()
	await rtnetlink.close()
	return Array.from(times, ([name, all]) => alone(name, 'ms', all))
}

console.log(JSON.stringify(await measure()))
