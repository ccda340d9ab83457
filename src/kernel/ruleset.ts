/**
 * weft's nftables tables as text: a fixed number of chains and rules, whatever the number of networks. All that varies is
 * an element of a set or map.
 */
import { WeftError } from '../errors.ts'
import { BRIDGE_TABLE } from './bridge-table.ts'
import { INET_TABLE } from './inet-table.ts'
import type { Element } from './resource.ts'
import { renderParts, type SetDefinition, type Table } from './table.ts'

export const TABLES: readonly Table[] = [INET_TABLE, BRIDGE_TABLE]

/** The sets and maps of all tables by name. */
export const SETS: Readonly<Record<string, SetDefinition & { readonly table: string }>> = Object.fromEntries(
	TABLES.flatMap(({ name: table, sets }) => Object.entries(sets).map(([name, set]) => [name, { ...set, table }])),
)

/** The tables with their elements, in place of whatever was there, as one transaction. */
export function renderTables(elements: readonly Element[], tables = TABLES): string {
	return tables.map(renderTable).join('') + renderElements('add', elements)
}

function renderTable({ name, sets, chains }: Table): string {
	const rendered = Object.entries(sets).map(([set, { comment, key, value }]) => {
		const type = value === undefined ? key.join(' . ') : `${key.join(' . ')} : ${value.join(' . ')}`
		const kind = value === undefined ? 'set' : 'map'
		return `\t${kind} ${set} {\n\t\ttype ${type}\n\t\tcomment "${comment}"\n\t}\n`
	})
	// Deleting what is not there is an error; adding what is there is not.
	return `table ${name}\ndelete table ${name}\ntable ${name} {\n${rendered.join('\n')}${chains}}\n`
}

/** One line for each set that is touched. */
export function renderElements(verb: 'add' | 'delete', elements: readonly Element[]): string {
	const bySet = new Map<string, string[]>()
	for (const element of elements) {
		const rendered = verb === 'add' ? renderElement(element) : renderKey(element)
		const target = `${definitionOf(element).table} ${element.set}`
		bySet.set(target, [...(bySet.get(target) ?? []), rendered])
	}
	return Array.from(bySet, ([target, all]) => `${verb} element ${target} { ${all.join(', ')} }\n`).join('')
}

function renderElement(element: Element): string {
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
