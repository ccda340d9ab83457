/**
 * weft's nftables tables as text: a fixed number of chains and rules, whatever the number of networks. All that varies is
 * an element of a set or map.
 */
import { WeftError } from '../errors.ts'
import { formatIp, parseIp } from '../model/address.ts'
import { BRIDGE_TABLE } from './bridge-table.ts'
import { INET_TABLE } from './inet-table.ts'
import type { Element } from './resource.ts'
import { renderParts, type SetDefinition, type Table, type Type } from './table.ts'

export const TABLES: readonly Table[] = [INET_TABLE, BRIDGE_TABLE]

/** The sets and maps of all tables by name. */
export const SETS: Readonly<Record<string, SetDefinition & { readonly table: string }>> = Object.fromEntries(
	TABLES.flatMap(({ name: table, sets }) => Object.entries(sets).map(([name, set]) => [name, { ...set, table }])),
)

/** The tables with their elements, in place of whatever was there, as one transaction. */
export function renderTables(elements: readonly Element[], tables = TABLES): string {
	return tables.map(renderTable).join('') + renderElements('add', elements)
}

function renderTable(table: Table): string {
	const { name, sets, chains } = table
	const rendered = Object.entries(sets).map(([set, { comment, key, value }]) => {
		const kind = value === undefined ? 'set' : 'map'
		return `\t${kind} ${set} {\n\t\t${renderType(key, value)}\n\t\tcomment "${comment}"\n\t}\n`
	})
	return `${renderNoTables([table])}table ${name} {\n${rendered.join('\n')}${chains}}\n`
}

/** Takes them away, also where there are none. */
export function renderNoTables(tables = TABLES): string {
	// Deleting what is not there is an error; adding what is there is not.
	return tables.map(({ name }) => `table ${name}\ndelete table ${name}\n`).join('')
}

/** nft's, whose sets say with a flag that elements are of networks. */
function nftType(type: Type): string {
	return type.replace('_prefix', '_addr')
}

/** By its expressions where there is one in the key, since nft takes types and expressions not side by side. */
function renderType(key: readonly Type[], value: readonly Type[] = []): string {
	if (key.some((part) => part.startsWith('@'))) return `typeof ${key.join(' . ').replace('ifname', 'iifname')}`
	const flags = key.some((part) => part.endsWith('_prefix')) ? '\n\t\tflags interval' : ''
	return `type ${key.map(nftType).join(' . ')}${value.length === 0 ? '' : ` : ${value.join(' . ')}`}${flags}`
}

/** One line for each set that is touched. */
export function renderElements(verb: 'add' | 'delete', elements: readonly Element[]): string {
	const bySet = new Map<string, string[]>()
	for (const element of elements) {
		const rendered = verb === 'add' ? renderElement(element) : renderKey(element)
		const target = `${definitionOf(element).table} ${element.set}`
		const others = bySet.get(target)
		if (others === undefined) bySet.set(target, [rendered])
		else others.push(rendered)
	}
	return Array.from(bySet, ([target, all]) => `${verb} element ${target} { ${all.join(', ')} }\n`).join('')
}

export function renderElement(element: Element): string {
	const definition = definitionOf(element)
	if (definition.value === undefined) return renderKey(element)
	return `${renderKey(element)} : ${renderParts(definition.value, element.value ?? [])}`
}

function renderKey(element: Element): string {
	return renderParts(definitionOf(element).key, element.key)
}

function definitionOf(element: Element) {
	const definition = SETS[element.set]
	if (definition === undefined) throw new WeftError('system', `there is no set ${element.set}`)
	return definition
}

/** A table as nft lists it: its elements, each as `SET ELEMENT` in the form of `renderElement`, and all that is not an element. */
export interface Listing {
	readonly chains: string
	readonly elements: ReadonlySet<string>
}

/** An IPv6 address that ends as an IPv4 address does: nft, unlike weft, writes some in this way. */
const DOTTED = /[\da-f:]*:\d+\.\d+\.\d+\.\d+/g

function plainOf(address: string): string {
	return formatIp(parseIp(address))
}

/** What nft writes for protocols on a host without /etc/protocols, as a managed plugin is. */
const PROTOCOLS: Readonly<Record<string, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' }

/** An element as nft lists it, in the form of `renderElement`. */
function readElement(set: string, text: string): string {
	const { key = [], value = [] } = SETS[set] ?? {}
	const types = [...key, ...value]
	// Every second piece is what stands between two parts.
	const pieces = text
		.trim()
		.replace(DOTTED, plainOf)
		.split(/( [.:] )/)
	return pieces.map((piece, i) => (types[i / 2] === 'inet_proto' ? (PROTOCOLS[piece] ?? piece) : piece)).join('')
}

export function readListing(text: string): Listing {
	const elements = new Set<string>()
	const chains = text.replace(
		/^\t(set|map) (\w+) \{\n([^}]*?)\t\telements = \{([^}]*)\}\n/gm,
		(_all, kind, set, head, list) => {
			for (const each of String(list).split(',')) elements.add(`${set} ${readElement(set, each)}`)
			return `\t${kind} ${set} {\n${head}`
		},
	)
	return { chains, elements }
}
