/**
 * Checks LevelDB's write-ahead logs and manifests before LevelDB opens them. It would skip a damaged block with a line in a file
 * that nobody reads and then delete the log; weft refuses instead, with everything still in place. The format is in
 * leveldb's doc/log_format.md: blocks of 32 KiB holding records of checksum (4), length (2), type (1) and data.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

const BLOCK = 32 * 1024
const HEADER = 7

const CRC32C = Uint32Array.from({ length: 256 }, (_, index) => {
	let value = index
	for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0)
	return value >>> 0
})

/** CRC-32C of the bytes that follow those with the checksum `before`, not yet inverted. */
function crcOn(before: number, bytes: Uint8Array): number {
	let crc = before
	for (const byte of bytes) crc = (crc >>> 8) ^ (CRC32C[(crc ^ byte) & 0xff] ?? 0)
	return crc
}

/** How LevelDB stores a checksum: rotated and offset, so that data holding checksums does not defeat it. */
function masked(crc: number): number {
	const value = (crc ^ 0xffffffff) >>> 0
	return (((value >>> 15) | (value << 17)) + 0xa282ead8) >>> 0
}

/** Whether type and data as they start here, of whatever length, have the checksum. */
function isWhole(rest: Uint8Array, checksum: number): boolean {
	let crc = 0xffffffff
	for (let end = 1; end <= rest.length; end++) {
		crc = crcOn(crc, rest.subarray(end - 1, end))
		if (masked(crc) === checksum) return true
	}
	return false
}

/** Bytes of the record at `at` with its header, or what ends the log there. */
function recordAt(log: Buffer, at: number): number | 'end' | 'damage' {
	const checksum = log.readUInt32LE(at)
	const length = log.readUInt16LE(at + 4)
	// A crash may leave blocks that were allocated and never written.
	if (length === 0 && log[at + 6] === 0) return log.subarray(at).every((byte) => byte === 0) ? 'end' : 'damage'
	const end = at + HEADER + length
	if (HEADER + length > BLOCK - (at % BLOCK)) return 'damage'
	// Cut off, unless it is all there and only the length is wrong: LevelDB would drop it without a word.
	if (end > log.length) return isWhole(log.subarray(at + 6), checksum) ? 'damage' : 'end'
	return masked(crcOn(0xffffffff, log.subarray(at + 6, end))) === checksum ? HEADER + length : 'damage'
}

/** Where the first damaged record of a log starts; undefined for a sound one, also when its end was cut off. */
export function firstDamage(log: Buffer): number | undefined {
	let at = 0
	while (at + HEADER <= log.length) {
		const left = BLOCK - (at % BLOCK)
		const found = left < HEADER ? left : recordAt(log, at)
		if (found === 'damage') return at
		if (found === 'end') return undefined
		at += found
	}
	return undefined
}

/** A daemon that runs takes old logs away at any time; then LevelDB's lock is what refuses the second one. */
function ifGone(error: NodeJS.ErrnoException): Buffer {
	if (error.code === 'ENOENT') return Buffer.alloc(0)
	throw error
}

/** The damaged logs of a LevelDB directory, each as `FILE at byte N`. The manifest is written in the same format. */
export async function damagedLogs(directory: string): Promise<string[]> {
	const damaged: string[] = []
	for (const name of await readdir(directory)) {
		if (!/\.log$|^MANIFEST-/.test(name)) continue
		const at = firstDamage(await readFile(join(directory, name)).catch(ifGone))
		if (at !== undefined) damaged.push(`${name} at byte ${at}`)
	}
	return damaged
}
