/** Which sockets /proc/net tells of; who has them is a matter for test/live/ports.test.ts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSockets } from '../../src/kernel/port-holder.ts'
import { formatIp } from '../../src/model/address.ts'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 41414 1 0000000000000000 100 0 0 10 0
   1: 020200C0:01BB 0A0200C0:C88A 01 00000000:00000000 00:00000000 00000000  1000        0 42424 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C88A 06 00000000:00000000 03:00001770 00000000     0        0 0 3 0000000000000000
`

const UDP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 9001: B80D0120000000000000000001000000:0035 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 43434 2 0000000000000000 0
`

function seen(table: string): string[] {
	return readSockets(table).map(({ ip, port, listening, inode }) => {
		return `${formatIp(ip)} ${port} ${inode}${listening ? ' listening' : ''}`
	})
}

test('sockets are read with their addresses, without those that no process has any more', () => {
	assert.deepEqual(seen(TCP), ['127.0.0.1 8080 41414 listening', '192.0.2.2 443 42424'])
	assert.deepEqual(seen(UDP6), ['2001:db8::1 53 43434'])
	assert.deepEqual(seen(''), [])
})
