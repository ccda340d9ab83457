/** Starts programs: the only importer of execa. For what has no interface worth having; never on the path of a join. */
import { WeftError } from '../errors.ts'

/** Milliseconds after which a program is ended: a call of Docker's waits for it. */
const PATIENCE = 5_000

/**
 * Standard output. @throws WeftError `system` with what the program said, when it fails or hangs; when it is missing,
 * with errno ENOENT.
 */
export async function run(program: string, args: readonly string[], input = ''): Promise<string> {
	// Loaded at the first use: it takes longer to load than weft takes to serve.
	const { execa } = await import('execa')
	// The C locale keeps messages and number formats as the parsers above expect them.
	const options = { input, timeout: PATIENCE, reject: false, env: { LC_ALL: 'C' } }
	const result = await execa(program, args, options)
	if (!result.failed) return result.stdout
	const said = result.stderr?.trim() || (result.shortMessage ?? 'failed')
	const errno = result.code === undefined ? {} : { errno: result.code }
	throw new WeftError('system', `${program}: ${said.replaceAll('\n', '; ')}`, { cause: result, ...errno })
}
