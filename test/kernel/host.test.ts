/** Nameservers of resolv.conf(5), which no pool may cover. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nameservers } from '../../src/kernel/host.ts'
import { formatCidr } from '../../src/model/address.ts'

function read(text: string): string[] {
	return nameservers(text).map(formatCidr)
}

describe('nameservers', () => {
	it('are read with blanks, tabs and zones', () => {
		const text =
			'search example.org\nnameserver 192.0.2.53\n  nameserver\t2001:db8::53 # far\nnameserver fe80::1%eth0\n'
		assert.deepEqual(read(text), ['192.0.2.53/32', '2001:db8::53/128', 'fe80::1/128'])
	})

	it('are not what stands in comments or is no address', () => {
		assert.deepEqual(
			read('# nameserver 192.0.2.1\n;nameserver 192.0.2.2\nnameserver dns.example.org\nnameserver\n'),
			[],
		)
		assert.deepEqual(read(''), [])
	})
})
