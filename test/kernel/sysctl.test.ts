/** Settings in a directory that stands for /proc/sys. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { isCode, isErrno, messageOf } from '../../src/errors.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'

const root = mkdtempSync(join(tmpdir(), 'weft-sysctl-'))
after(() => rmSync(root, { recursive: true }))
mkdirSync(join(root, 'net/ipv4/conf/eth0.100'), { recursive: true })
const file = join(root, 'net/ipv4/conf/eth0.100/route_localnet')

test('a value is read without its line feed and written as it is, dots in a link name and all', async () => {
	writeFileSync(file, '0\n')
	assert.equal(readSysctl('net/ipv4/conf/eth0.100/route_localnet', root), '0')
	await writeSysctl('net/ipv4/conf/eth0.100/route_localnet', '1', root)
	assert.equal(readFileSync(file, 'utf8'), '1')
})

test('only another value is written', async () => {
	writeFileSync(file, '1\n')
	utimesSync(file, 1, 1)
	assert.equal(await writeSysctl('net/ipv4/conf/eth0.100/route_localnet', '1', root), false)
	assert.equal(statSync(file).mtimeMs, 1000)
	assert.equal(await writeSysctl('net/ipv4/conf/eth0.100/route_localnet', '0', root), true)
	assert.notEqual(statSync(file).mtimeMs, 1000)
})

test('a key cannot leave the settings', async () => {
	for (const key of [
		'',
		'net',
		'/net/ipv4',
		'net/../../etc/passwd',
		'net/./ipv4',
		'net//ipv4',
		'net/ipv4/',
		'net/a\0b',
	]) {
		assert.throws(
			() => readSysctl(key, root),
			(error) => isCode(error, 'invalid'),
			key,
		)
		await assert.rejects(
			() => writeSysctl(key, '1', root),
			(error) => isCode(error, 'invalid'),
			key,
		)
	}
})

test('an error names the key, the value and the kernel error', async () => {
	const key = 'net/ipv4/conf/nope/route_localnet'
	assert.throws(
		() => readSysctl(key, root),
		(error) => isErrno(error, 'ENOENT') && messageOf(error).startsWith(`read ${key}: `),
	)
	await assert.rejects(
		() => writeSysctl(key, '1', root),
		(error) => isErrno(error, 'ENOENT') && messageOf(error).includes(key),
	)
	// The kernel refuses the value, and anybody but root.
	await assert.rejects(
		() => writeSysctl('net/ipv4/ip_forward', 'perhaps'),
		(error) =>
			isErrno(error, 'EINVAL', 'EACCES', 'EROFS') &&
			messageOf(error).startsWith('set net/ipv4/ip_forward to perhaps: '),
	)
	assert.match(readSysctl('net/ipv4/ip_forward'), /^[01]$/)
})
