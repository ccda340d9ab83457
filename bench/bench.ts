/** weft beside Docker's own drivers, both in one run: a table here, a JSON file for programs. Started with names of parts. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { noHost } from '../test/support/host.ts'
import { machine } from './machine.ts'
import { PARTS, type Part } from './parts.ts'
import { type Section, table, verdicts } from './report.ts'

/** Without its ending. */
const RESULT = fileURLToPath(new URL('../bench', import.meta.url))
const HELP = `make bench                       all parts, in less than ten minutes
make bench PARTS="NAME NAME…"    some of them:
${PARTS.map(({ name, about }) => `  ${name.padEnd(10)} ${about}`).join('\n')}
The tables are also in dist/bench.md, and for programs in dist/bench.json.`

const words = process.argv.slice(2)
if (words.some((word) => word === '--help' || word === '-h')) console.log(HELP)
else await measure(words.length === 0 ? PARTS : words.map(partOf))

function partOf(name: string): Part {
	const part = PARTS.find((each) => each.name === name)
	if (part !== undefined) return part
	console.error(`make bench: no part "${name}"; there are ${PARTS.map((each) => each.name).join(', ')}`)
	process.exit(2)
}

async function measure(parts: readonly Part[]): Promise<void> {
	const obstacle = noHost()
	if (obstacle) throw new Error(`make bench ${obstacle}`)
	const about = machine()
	console.log(`${about}\n`)
	const sections: Section[] = []
	const tables: string[] = []
	for (const { name, about, run } of parts) {
		const begin = performance.now()
		const rows = await run()
		sections.push({ name, rows, seconds: Math.round((performance.now() - begin) / 1000) })
		const lines = [`### ${name}: ${about}`, '', ...table(rows), '']
		console.log(lines.join('\n'))
		tables.push(...lines)
	}
	const targets = ['### Targets', '', ...verdicts(sections.flatMap(({ rows }) => rows)), '']
	const end = `It took ${sections.reduce((sum, { seconds }) => sum + seconds, 0)} s.`
	console.log([...targets, end].join('\n'))
	await writeFile(`${RESULT}.md`, `${[`${about}. ${end}`, '', ...targets, ...tables].join('\n').trimEnd()}\n`)
	await writeFile(`${RESULT}.json`, JSON.stringify({ machine: about, sections }, undefined, '\t'))
}
