/** What Docker's command line asks of its plugins. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { metadataFor, ownArguments } from '../../src/cli/docker-plugin.ts'

describe('a plugin of Docker', () => {
	it('says what it is when it is asked', () => {
		const metadata = JSON.parse(metadataFor(['docker-cli-plugin-metadata']) ?? '')
		assert.equal(metadata.SchemaVersion, '0.1.0')
		assert.ok(metadata.Vendor && metadata.ShortDescription)
		assert.equal(metadataFor(['ls']), undefined)
	})

	it('takes what stands behind its name', () => {
		const link = '/root/.docker/cli-plugins/docker-weft'
		assert.deepEqual(ownArguments(link, ['weft', 'ls', '--json']), ['ls', '--json'])
		assert.deepEqual(ownArguments(link, ['--debug', 'weft', 'inspect', 'weft']), ['inspect', 'weft'])
		assert.deepEqual(ownArguments('/usr/bin/weft', ['inspect', 'weft']), ['inspect', 'weft'])
	})
})
