/** The options of mode overlay. Pure. */
import { invalid } from '../errors.ts'
import { BACKENDS, type OverlayOptions, type PerFamily } from '../model/options.ts'
import { BINDING, formatBridge, NAME, OVERLAID, parseBridge, SOURCE } from './bridge-options.ts'
import { oneOf, parseBoolean, quote, type Raw, read } from './option-values.ts'

const BACKEND = 'backend'
const ID = 'id'
const REPLICATE = 'replicate'
const BLOCK = 'block'

export const OVERLAY_KNOWN: readonly string[] = [...OVERLAID, BACKEND, ID, REPLICATE, BLOCK]
/** Of one host, whatever the others have. */
const OWN: readonly string[] = [ID, NAME, BINDING, SOURCE[4], SOURCE[6]]

const BLOCKS: PerFamily<number> = { 4: 26, 6: 122 }
/** From a /16 to four addresses; of IPv6 from a /64 on. */
const LENGTHS = { 4: [16, 30], 6: [64, 126] } as const

export function parseOverlay(raw: Raw): OverlayOptions {
	const id = read(raw, ID, parseId)
	return {
		...parseBridge(raw),
		mode: 'overlay',
		backend: read(raw, BACKEND, oneOf(BACKENDS)) ?? 'vxlan',
		...(id === undefined ? {} : { id }),
		replicate: read(raw, REPLICATE, parseBoolean) ?? true,
		blocks: read(raw, BLOCK, parseBlocks) ?? BLOCKS,
	}
}

/** The same as they are asked for, with the defaults that hold. */
export function formatOverlay({ backend, id, replicate, blocks, ...bridged }: OverlayOptions): Raw {
	const all = Object.entries(formatBridge({ ...bridged, mode: 'bridge' }))
	return {
		...Object.fromEntries(all.filter(([name]) => OVERLAID.includes(name))),
		[BACKEND]: backend,
		...(id === undefined ? {} : { [ID]: id }),
		[REPLICATE]: String(replicate),
		[BLOCK]: `/${blocks[4]},/${blocks[6]}`,
	}
}

/** Those that all hosts of the network have. */
export function formatShared(options: OverlayOptions): Raw {
	return Object.fromEntries(Object.entries(formatOverlay(options)).filter(([name]) => !OWN.includes(name)))
}

function parseId(name: string, text: string): string {
	if (/^[\w.-]{1,64}$/.test(text)) return text
	throw invalid(`${name}=${quote(text)} must be 1 to 64 letters, digits, dots, dashes and underscores`)
}

/** Such as `/26`, `/122` or `/26,/122`: a length that only IPv6 has is for IPv6. */
function parseBlocks(name: string, text: string): PerFamily<number> {
	const found: { 4?: number; 6?: number } = {}
	for (const part of text.split(',')) {
		const length = /^\/?\d{1,3}$/.test(part) ? Number(part.replace('/', '')) : -1
		const family = length > 32 ? 6 : 4
		const [least, most] = LENGTHS[family]
		if (length < least || length > most || found[family] !== undefined) {
			const ranges = `/${LENGTHS[4].join(' to /')} for IPv4, /${LENGTHS[6].join(' to /')} for IPv6`
			throw invalid(`${name}=${quote(text)} must be a mask length for a family, such as /26 or /26,/122: ${ranges}`)
		}
		found[family] = length
	}
	return { ...BLOCKS, ...found }
}
