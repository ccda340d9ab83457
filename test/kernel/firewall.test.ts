/**
 * The firewall against a model of the kernel's table that takes the same commands as text, all of a transaction or
 * nothing, and refuses what the kernel refuses. Whatever happens to it, in the end it holds what is wanted.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Firewall } from '../../src/kernel/firewall.ts'
import { INET_TABLE } from '../../src/kernel/inet-table.ts'
import { type Element, identity } from '../../src/kernel/resource.ts'
import { SETS } from '../../src/kernel/ruleset.ts'

const LINE = /^(add|delete) element \w+ weft (\w+) \{ (.*) \}$/

class ModelTable {
	/** From "set key" to the value, '' in a set; undefined where there is no table. */
	elements: Map<string, string> | undefined
	/** In its only chain. */
	rules = ''
	/** Refuses that many transactions. */
	failures = 0
	readonly transactions: string[] = []

	readonly run = async (commands: string): Promise<string> => {
		await new Promise(setImmediate)
		this.transactions.push(commands)
		if (this.failures > 0) {
			this.failures--
			throw new Error('Device or resource busy')
		}
		const fresh = commands.startsWith('table inet weft\ndelete table inet weft\n')
		const next = fresh ? new Map<string, string>() : new Map(this.elements)
		if (!fresh && this.elements === undefined) throw new Error('No such file or directory')
		const listed = /^list table (.*)$/m.exec(commands)?.[1]
		if (listed !== undefined) return listing(listed, next, this.rules)
		for (const line of commands.split('\n')) {
			const [, verb, set, all] = LINE.exec(line) ?? []
			if (verb === undefined || set === undefined || all === undefined) continue
			for (const element of all.split(', ')) change(next, verb, set, element)
		}
		this.elements = next
		return ''
	}
}

/** As nft prints a table. */
function listing(table: string, elements: ReadonlyMap<string, string>, rules: string): string {
	const sets = [...new Set(Array.from(elements.keys(), (name) => name.split(' ')[0] ?? ''))]
	const each = sets
		.filter((set) => SETS[set]?.table === table)
		.map((set) => {
			const all = Array.from(elements).filter(([name]) => name.startsWith(`${set} `))
			const list = all.map(([name, value]) => name.slice(set.length + 1) + (value === '' ? '' : ` : ${value}`))
			return `\tset ${set} {\n\t\ttype ifname\n\t\telements = { ${list.join(',\n\t\t\t     ')} }\n\t}\n`
		})
	return `table ${table} {\n${each.join('\n')}\tchain forward {\n${rules}\t}\n}\n`
}

function change(elements: Map<string, string>, verb: string, set: string, element: string): void {
	const [key, value = ''] = element.split(' : ')
	const name = `${set} ${key}`
	const before = elements.get(name)
	if (verb === 'delete') {
		if (!elements.delete(name)) throw new Error('No such file or directory')
	} else if (before !== undefined && before !== value) {
		throw new Error('File exists')
	} else {
		elements.set(name, value)
	}
}

/** As the model writes them. */
function rendered(elements: Iterable<Element>): string[] {
	const text = ({ set, key, value }: Element) => {
		const parts = set === 'bridges' ? key.map((part) => `"${part}"`) : key
		return `${set} ${parts.join(' . ')} = ${(value ?? []).join(' . ')}`
	}
	return Array.from(elements, text).sort()
}

function contents(table: ModelTable): string[] {
	return Array.from(table.elements ?? [], ([name, value]) => `${name} = ${value}`).sort()
}

function bridge(n: number): Element {
	return { kind: 'element', set: 'bridges', key: [`weft${n}`] }
}

function published(port: number, to: number): Element {
	return { kind: 'element', set: 'publish4_any', key: ['tcp', String(port)], value: ['10.0.0.1', String(to)] }
}

const element = fc.oneof(
	fc.integer({ min: 0, max: 5 }).map(bridge),
	fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 })).map(([port, to]) => published(port, to)),
)
const elements = fc.array(element, { maxLength: 5 })

interface Change {
	readonly verb: 'add' | 'remove' | 'replace'
	readonly elements: readonly Element[]
}

type Step = Change | { readonly verb: 'await' | 'flush' | 'fail' }

const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 6, arbitrary: fc.record({ verb: fc.constantFrom('add', 'remove'), elements }) },
	{ weight: 1, arbitrary: fc.record({ verb: fc.constant('replace'), elements }) },
	{ weight: 3, arbitrary: fc.record({ verb: fc.constantFrom('await', 'flush', 'fail') }) },
)

/** What the steps so far want, by identity: the last word on each counts. */
function follow(wanted: Map<string, Element>, change: Change): void {
	if (change.verb === 'replace') wanted.clear()
	for (const each of change.elements) {
		if (change.verb === 'remove') wanted.delete(identity(each))
		else wanted.set(identity(each), each)
	}
}

async function play(steps: readonly Step[], firewall: Firewall, table: ModelTable): Promise<Map<string, Element>> {
	const wanted = new Map<string, Element>()
	const calls: Promise<void>[] = []
	for (const each of steps) {
		if ('elements' in each) {
			follow(wanted, each)
			calls.push(firewall[each.verb](each.elements))
		} else if (each.verb === 'flush') table.elements = undefined
		else if (each.verb === 'fail') table.failures++
		else await Promise.allSettled(calls)
	}
	await Promise.allSettled(calls)
	return wanted
}

describe('the firewall', () => {
	it('holds in the end what is wanted, after failures and flushes too', async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
				const table = new ModelTable()
				const firewall = new Firewall(table.run)
				const wanted = await play(steps, firewall, table)
				table.failures = 0
				const last = bridge(9)
				await firewall.add([last])
				assert.deepEqual(contents(table), rendered([...wanted.values(), last]))
			}),
			{ numRuns: 500 },
		)
	})

	it('holds after each change what is wanted, where nothing fails', async () => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
				const table = new ModelTable()
				const firewall = new Firewall(table.run)
				const wanted = new Map<string, Element>()
				await firewall.replace([])
				for (const each of steps) {
					if (!('elements' in each)) continue
					follow(wanted, each)
					await firewall[each.verb](each.elements)
					assert.deepEqual(contents(table), rendered(wanted.values()))
				}
			}),
			{ numRuns: 200 },
		)
	})

	it('knows what is wanted of it', async () => {
		const firewall = new Firewall(new ModelTable().run)
		await firewall.add([published(80, 1)])
		assert.deepEqual([firewall.has(published(80, 1)), firewall.has(published(80, 2))], [true, false])
		await firewall.remove([published(80, 1)])
		assert.equal(firewall.has(published(80, 1)), false)
	})

	it('leaves out the tables that the kernel cannot have', async () => {
		const table = new ModelTable()
		await new Firewall(table.run, [INET_TABLE]).add([bridge(1)])
		assert.ok(table.transactions[0]?.includes('table inet weft') && !table.transactions[0].includes('bridge weft'))
		assert.deepEqual(contents(table), rendered([bridge(1)]))
	})

	it('makes the whole table at the first change only', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.add([bridge(1)])
		await firewall.add([bridge(2)])
		await firewall.remove([bridge(1)])
		assert.deepEqual(table.transactions.slice(1), [
			'add element inet weft bridges { "weft2" }\n',
			'delete element inet weft bridges { "weft1" }\n',
		])
		assert.ok(table.transactions[0]?.includes('chain forward'))
	})

	it('makes the whole table anew when asked to, also while a change is under way', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.add([bridge(1)])
		table.elements = undefined
		await firewall.renew()
		assert.deepEqual(contents(table), rendered([bridge(1)]))
		const change = firewall.add([bridge(2)])
		await Promise.resolve()
		await Promise.resolve()
		const renewal = firewall.renew()
		await change
		table.elements = undefined
		await renewal
		assert.deepEqual(contents(table), rendered([bridge(1), bridge(2)]))
	})

	it('finds chains changed that nobody had asked for before, and again after they were made anew', async (t) => {
		t.mock.timers.enable({ apis: ['setTimeout'] })
		const table = new ModelTable()
		const firewall = new Firewall(table.run, [INET_TABLE])
		for (const rules of ['\t\taccept\n', '\t\tdrop\n']) {
			await firewall.renew()
			t.mock.timers.tick(1000)
			for (let i = 0; i < 10; i++) await new Promise(setImmediate)
			table.rules = rules
			assert.deepEqual(await firewall.drift(), ['chains of inet weft were changed'])
		}
	})

	it('takes no refusal to list a table for a table that is gone', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run, [INET_TABLE])
		await firewall.renew()
		table.failures = 1
		await assert.rejects(firewall.drift(), /^WeftError: table inet weft cannot be looked at: Device or resource busy$/)
		assert.deepEqual(await firewall.drift(), [])
		table.elements = undefined
		assert.deepEqual(await firewall.drift(), ['table inet weft was gone'])
	})

	it('leads a key elsewhere in one transaction', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.add([published(80, 1)])
		await firewall.add([published(80, 2)])
		assert.equal(
			table.transactions[1],
			'delete element inet weft publish4_any { tcp . 80 }\nadd element inet weft publish4_any { tcp . 80 : 10.0.0.1 . 2 }\n',
		)
	})

	it('sends nothing for what is there already, or not there', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.add([bridge(1)])
		await firewall.add([bridge(1)])
		await firewall.remove([bridge(2)])
		await firewall.add([])
		assert.equal(table.transactions.length, 1)
	})

	it('tells of a failure, and makes it good with the next change', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.replace([])
		// The difference, then the whole table.
		table.failures = 2
		await assert.rejects(firewall.add([bridge(1)]), /busy/)
		assert.deepEqual(contents(table), [])
		await firewall.add([bridge(2)])
		assert.deepEqual(contents(table), rendered([bridge(1), bridge(2)]))
	})

	it('gives the calls of one turn one transaction, and those that arrive meanwhile another', async () => {
		const table = new ModelTable()
		const firewall = new Firewall(table.run)
		await firewall.replace([])
		const first = Array.from({ length: 20 }, (_, i) => firewall.add([bridge(i)]))
		await Promise.resolve()
		await Promise.resolve()
		const second = Array.from({ length: 20 }, (_, i) => firewall.add([published(i + 1, 1)]))
		await Promise.all([...first, ...second])
		assert.equal(table.transactions.length, 3)
		assert.equal(contents(table).length, 40)
	})

	it('sends as much for a change beside 5,000 elements as beside none', async () => {
		const sent = async (count: number) => {
			const table = new ModelTable()
			const firewall = new Firewall(table.run)
			await firewall.replace(Array.from({ length: count }, (_, i) => published(i + 1000, 1)))
			await firewall.add([published(1, 1), bridge(1)])
			await firewall.remove([published(1, 1), bridge(1)])
			return table.transactions.slice(1)
		}
		assert.deepEqual(await sent(5000), await sent(0))
	})
})
