/** What is beside rtnetlink: namespaces visited, settings, ports held, libnftables. */
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { isErrno, WeftError } from '../../src/errors.ts'
import { closeFd, loadNftables } from '../../src/kernel/ffi.ts'
import { withNetns } from '../../src/kernel/netns.ts'
import { bindHostPort } from '../../src/kernel/port-socket.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { parseIp } from '../../src/model/address.ts'
import { run } from '../support/command.ts'
import { noNetns, openNetns } from '../support/netns.ts'

const live = { skip: noNetns('nft') }
const own = (): string => readlinkSync('/proc/thread-self/ns/net')

test('a visit ends at home, also when its work fails', live, async (t) => {
	const netns = await openNetns(t)
	const home = own()
	const abroad = withNetns(netns.path, own)
	assert.notEqual(abroad, home)
	assert.equal(abroad, readlinkSync(netns.path))
	assert.equal(own(), home)
	const failing = (): void => {
		throw new RangeError('on purpose')
	}
	assert.throws(() => withNetns(netns.path, failing), RangeError)
	assert.equal(own(), home)
	assert.throws(() => withNetns('/proc/self/ns/nope', own), WeftError)
	assert.throws(
		() => withNetns('/proc/self/ns/uts', own),
		(error) => isErrno(error, 'EINVAL'),
	)
	assert.throws(() => withNetns(netns.path, async () => own()), WeftError)
	assert.equal(own(), home)
})

test('a setting is that of the namespace visited', live, async (t) => {
	const netns = await openNetns(t)
	const key = 'net/ipv4/conf/lo/route_localnet'
	const before = readSysctl(key)
	await netns.run('sh', '-c', `echo ${before === '1' ? '0' : '1'} > /proc/sys/${key}`)
	assert.notEqual(
		withNetns(netns.path, () => readSysctl(key)),
		before,
	)
	assert.equal(readSysctl(key), before)
})

test('a port that is held is refused to others until it is let go', live, async (t) => {
	const netns = await openNetns(t)
	const take = (protocol: 'tcp' | 'udp', ip: string): number =>
		withNetns(netns.path, () => bindHostPort(protocol, parseIp(ip), 8080))
	for (const protocol of ['tcp', 'udp'] as const) {
		for (const ip of ['0.0.0.0', '127.0.0.1', '::', '::1']) {
			const fd = take(protocol, ip)
			assert.throws(
				() => take(protocol, ip),
				(error) => isErrno(error, 'EADDRINUSE'),
				`${protocol} ${ip}`,
			)
			closeFd(fd)
			closeFd(take(protocol, ip))
		}
		const both = [take(protocol, '0.0.0.0'), take(protocol, '::')]
		both.forEach(closeFd)
		assert.throws(
			() => take(protocol, '192.0.2.1'),
			(error) => isErrno(error, 'EADDRNOTAVAIL'),
		)
	}
})

test('libnftables works in the namespace in which its context was made, and says why it refuses', live, async (t) => {
	const netns = await openNetns(t)
	const nftables = loadNftables()
	const context = withNetns(netns.path, () => nftables.newContext())
	t.after(() => nftables.freeContext(context))
	nftables.bufferOutput(context)
	nftables.bufferError(context)
	assert.equal(await nftables.runCommand(context, 'add table inet weft_test'), 0)
	assert.match(await netns.run('nft', 'list', 'tables'), /^table inet weft_test$/m)
	assert.equal(await nftables.runCommand(context, 'list tables'), 0)
	assert.equal(nftables.outputBuffer(context), 'table inet weft_test\n')
	assert.notEqual(await nftables.runCommand(context, 'add chain inet nope c'), 0)
	assert.match(nftables.errorBuffer(context), /No such file or directory/)
})

/** Opens rtnetlink with one more number of files left than it is told, and says how many are open before and after. */
const FEW_FILES = `
import { closeSync, openSync, readdirSync } from 'node:fs'
import { Rtnetlink } from '${new URL('../../src/kernel/netlink/rtnetlink.js', import.meta.url).href}'
const left = Number(process.argv[1])
const files = []
try { for (;;) files.push(openSync('/dev/null')) } catch {}
// One more, to count by.
for (const fd of files.splice(-1 - left)) closeSync(fd)
const count = () => readdirSync('/proc/self/fd').length
const before = count()
let failed = false
try { new Rtnetlink().open() } catch { failed = true }
console.log(JSON.stringify({ failed, more: count() - before }))
`

test('what could not be opened whole for want of files has none open', async () => {
	for (const left of [0, 1]) {
		const limited = [
			'sh',
			'-c',
			'ulimit -n 40; exec "$@"',
			'-',
			process.execPath,
			'--input-type=module',
			'-e',
			FEW_FILES,
		]
		assert.deepEqual(JSON.parse(await run([...limited, String(left)])), { failed: true, more: 0 }, `${left} left`)
	}
})
