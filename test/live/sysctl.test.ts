/** Settings of a kernel that is busy with links. */
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'
import { enterOwnNamespace, noBed, type Place, setSysctl } from './networks-bed.ts'

const ROUNDS = 100
const live = { skip: noBed() }

let host: Place
before(async () => {
	host = await enterOwnNamespace()
	await host.ip('link add weft0 type bridge', 'link set weft0 up')
})

/** Somebody who makes and deletes links, and so has the RTNL lock most of the time, until `work` is done. */
async function whileLinksChange(work: () => Promise<void>): Promise<void> {
	let over = false
	const churn = async (name: string): Promise<void> => {
		const lines = Array.from({ length: 10 }, () => [`link add ${name} type bridge`, `link del ${name}`]).flat()
		while (!over) await host.ip(...lines)
	}
	const churns = ['churn0', 'churn1'].map(churn)
	try {
		await work()
	} finally {
		over = true
		await Promise.all(churns)
	}
}

test('containers that start at once have the host forward for all of its links', live, async () => {
	await whileLinksChange(async () => {
		for (let round = 1; round <= ROUNDS; round++) {
			setSysctl('net/ipv4/ip_forward', '0')
			await Promise.all([1, 2, 3, 4].map(() => writeSysctl('net/ipv4/ip_forward', '1')))
			const found = ['ip_forward', 'conf/weft0/forwarding'].map((key) => readSysctl(`net/ipv4/${key}`))
			assert.deepEqual(found, ['1', '1'], `round ${round}`)
		}
	})
})
