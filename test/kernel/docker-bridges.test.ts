/** Docker's own names for bridges. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isDockerName } from '../../src/kernel/docker-bridges.ts'

it("Docker's own names are docker0, docker_gwbridge and br- with twelve hexadecimal digits", () => {
	for (const own of ['docker0', 'docker_gwbridge', 'br-0123456789ab']) assert.ok(isDockerName(own), own)
	const digits = ['br-0123456789a', 'br-0123456789abc', 'br-0123456789AB']
	for (const other of ['br0', 'br-lan', 'docker1', 'weft0', 'virbr0', ...digits]) assert.ok(!isDockerName(other), other)
})
