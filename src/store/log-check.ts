/**
 * Checks LevelDB's write-ahead logs before LevelDB opens them. It would skip a damaged block with a line in a file
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

/** LevelDB's checksum: CRC-32C, rotated and offset so that data holding checksums does not defeat it. */
function maskedCrc(bytes: Uint8Array): number {
	let crc = 0xffffffff
	for (const byte of bytes) crc = (crc >>> 8) ^ (CRC32C[(crc ^ byte) & 0xff] ?? 0)
	crc = (crc ^ 0xffffffff) >>> 0
	return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** Where the first damaged record of a log starts; undefined for a sound one, also when its end was cut off. */
export function firstDamage(log: Buffer): number | undefined {
	let at = 0
	while (at + HEADER <= log.length) {
		const left = BLOCK - (at % BLOCK)
		if (left < HEADER) {
			at += left
			continue
		}
		const length = log.readUInt16LE(at + 4)
		const type = log[at + 6]
		// A crash may leave blocks that were allocated and never written.
		if (type === 0 && length === 0) return log.subarray(at).every((byte) => byte === 0) ? undefined : at
		if (HEADER + length > left) return at
		if (at + HEADER + length > log.length) return undefined
		if (maskedCrc(log.subarray(at + 6, at + HEADER + length)) !== log.readUInt32LE(at)) return at
		at += HEADER + length
	}
	return undefined
}

/** The damaged logs of a LevelDB directory, each as `FILE at byte N`; none for a directory that is not there yet. */
export async function damagedLogs(directory: string): Promise<string[]> {
	const names = await readdir(directory).catch(() => [])
	const damaged: string[] = []
	for (const name of names.filter((each) => each.endsWith('.log'))) {
		const at = firstDamage(await readFile(join(directory, name)))
		if (at !== undefined) damaged.push(`${name} at byte ${at}`)
	}
	return damaged
}
