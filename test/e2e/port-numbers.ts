/** The numbers under which ports are published. Docker shows none that a plugin publishes; weft's table does. */

import assert from 'node:assert/strict'
import type { Host } from '../support/host.ts'
import type { Protocol } from '../support/traffic.ts'
import { addressOf } from './networks.ts'

/** On every address of the host: the key in weft's map whose value is the container's port. */
export async function numberOf(
	host: Host,
	container: string,
	network: string,
	protocol: Protocol,
	port: number,
): Promise<number> {
	const address = await addressOf(host, container, network)
	const { nftables } = JSON.parse(await host.exec(['nft', '-j', 'list', 'map', 'inet', 'weft', 'publish4_any']))
	const elements: [{ concat: unknown[] }, { concat: unknown[] }][] =
		nftables.find((object: { map?: unknown }) => object.map)?.map.elem ?? []
	const element = elements.find(
		([key, value]) => key.concat[0] === protocol && value.concat.join() === [address, port].join(),
	)
	assert.ok(element, `${container} ${address} port ${port}/${protocol} in ${JSON.stringify(elements)}`)
	return Number(element[0].concat.at(-1))
}
