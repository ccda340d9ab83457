/** The double of dockerd judged by itself: the bytes it sends, and the answers that it must not accept. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { joinProblem } from '../contract/cnm-order-endpoint.ts'
import { decode, Wire } from '../support/wire.ts'

async function bytesOf(send: (wire: Wire) => Promise<unknown>): Promise<string> {
	const directory = await mkdtemp(join(tmpdir(), 'weft-wire-'))
	let sent = ''
	const server = createServer((socket) => {
		socket.on('data', (chunk) => {
			sent += chunk.toString()
			socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')
		})
	}).listen(join(directory, 's'))
	const wire = new Wire(join(directory, 's'))
	try {
		await send(wire)
		return sent
	} finally {
		wire.close()
		server.close()
		await rm(directory, { recursive: true })
	}
}

const HEAD =
	'Host: plugin.moby.localhost\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: LENGTH\r\n' +
	'Accept: application/vnd.docker.plugins.v1.2+json\r\n\r\n'

describe('the wire sends', () => {
	it('no body and a length of 0 for a call without arguments', async () => {
		const sent = await bytesOf((wire) => wire.call('Plugin.Activate'))
		assert.equal(sent, `POST /Plugin.Activate HTTP/1.1\r\n${HEAD.replace('LENGTH', '0')}`)
	})

	it('JSON without a Content-Type, escaped as Go does, with a newline', async () => {
		const sent = await bytesOf((wire) => wire.call('NetworkDriver.Leave', { NetworkID: 'a<b>&' }))
		const body = '{"NetworkID":"a\\u003cb\\u003e\\u0026"}\n'
		assert.equal(sent, `POST /NetworkDriver.Leave HTTP/1.1\r\n${HEAD.replace('LENGTH', `${body.length}`)}${body}`)
	})
})

describe('the wire reads', () => {
	const answer = (status: number, text: string) => ({ status, text, headers: {} })

	for (const [method, status, text, message] of [
		['NetworkDriver.Join', 200, '', /EOF/],
		['NetworkDriver.Join', 204, '', /NetworkDriver.Join: /],
		['NetworkDriver.Join', 201, '{}', /NetworkDriver.Join: /],
		['NetworkDriver.Join', 500, '{"Err":"broken"}', /^NetworkDriver.Join: broken$/],
		['NetworkDriver.Join', 500, '{"Error":"broken"}', /^NetworkDriver.Join: \{"Error":"broken"\}$/],
		['NetworkDriver.Join', 404, 'page not found', /page not found/],
		['NetworkDriver.Join', 200, '{"Err":"broken"}', /^remote: broken$/],
		['IpamDriver.RequestPool', 200, '{"Error":"broken"}', /^remote: broken$/],
		['NetworkDriver.Join', 200, '{"Gateway":7}', /cannot unmarshal number into field Gateway/],
		['NetworkDriver.CreateEndpoint', 200, '{"Interface":{"MacAddress":[]}}', /MacAddress/],
		['IpamDriver.RequestPool', 200, '{"Data":{"a":1}}', /Data/],
		['NetworkDriver.Join', 200, '[]', /cannot unmarshal/],
	] as const) {
		it(`${status} ${text || 'nothing'} from ${method} as an error`, () => {
			assert.throws(() => decode(method, answer(status, text)), { message })
		})
	}

	for (const [method, status, text] of [
		['NetworkDriver.Join', 200, '{}'],
		['NetworkDriver.Join', 200, 'null'],
		['NetworkDriver.Join', 200, '{"Error":"the field of the other interface"}'],
		['IpamDriver.RequestPool', 200, '{"Err":"the field of the other interface"}'],
		['NetworkDriver.ProgramExternalConnectivity', 404, 'not implemented'],
		['NetworkDriver.RevokeExternalConnectivity', 404, ''],
	] as const) {
		it(`${status} ${text || 'nothing'} from ${method} as success`, () => {
			decode(method, answer(status, text))
		})
	}

	it('the forms of a Join', () => {
		assert.equal(joinProblem({}), undefined)
		assert.equal(joinProblem({ Gateway: '10.0.0.1', InterfaceName: { SrcName: 'a', DstPrefix: 'eth' } }), undefined)
		assert.equal(joinProblem({ StaticRoutes: [{ Destination: '0.0.0.0/0', RouteType: 1 }] }), undefined)
		for (const bad of [
			{ Gateway: '10.0.0.1/8' },
			{ InterfaceName: { SrcName: 'a', DstPrefix: '' } },
			{ StaticRoutes: [{ Destination: '', RouteType: 1 }] },
			{ StaticRoutes: [{ Destination: '10.0.0.1', RouteType: 1 }] },
			{ StaticRoutes: [{ Destination: '10.0.0.0/8', RouteType: '1' }] },
			{ StaticRoutes: [{ Destination: '10.0.0.0/8', RouteType: 0 }] },
		]) {
			assert.notEqual(joinProblem(bad), undefined, JSON.stringify(bad))
		}
	})
})
