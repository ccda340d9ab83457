/** weft as a plugin of Docker's own command line: a link docker-weft to it makes `docker weft`. Pure. */
import { basename } from 'node:path'
import { VERSION } from '../version.ts'

const PLUGIN = 'docker-weft'
const METADATA_QUESTION = 'docker-cli-plugin-metadata'

/** What Docker asks each plugin for before it lists it; undefined where it does not ask. */
export function metadataFor(args: readonly string[]): string | undefined {
	if (args[0] !== METADATA_QUESTION) return undefined
	const metadata = {
		SchemaVersion: '0.1.0',
		Vendor: 'weft',
		Version: VERSION,
		ShortDescription: 'Look at the networks of weft',
	}
	return `${JSON.stringify(metadata)}\n`
}

/** Docker passes its own command line on, with its own options and the plugin's name in front. */
export function ownArguments(program: string, args: readonly string[]): readonly string[] {
	return basename(program) === PLUGIN ? args.slice(args.indexOf('weft') + 1) : args
}
