/** A network and IPAM plugin that does nothing: what is left of a command's time is dockerd's own. Started with its socket's path. */
import { createServer } from 'node:http'

const SUBNET = '10.77.0.0/16'
let last = 0

function nextAddress(): string {
	last = (last % 65_000) + 1
	return `10.77.${last >> 8}.${last & 255}/16`
}

const ANSWERS: Record<string, () => object> = {
	'/Plugin.Activate': () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }),
	'/NetworkDriver.GetCapabilities': () => ({ Scope: 'local', ConnectivityScope: 'local' }),
	'/NetworkDriver.CreateEndpoint': () => ({ Interface: {} }),
	'/NetworkDriver.EndpointOperInfo': () => ({ Value: {} }),
	'/NetworkDriver.Join': () => ({ DisableGatewayService: true }),
	'/IpamDriver.GetDefaultAddressSpaces': () => ({ LocalDefaultAddressSpace: 'l', GlobalDefaultAddressSpace: 'g' }),
	'/IpamDriver.RequestPool': () => ({ PoolID: 'floor', Pool: SUBNET, Data: {} }),
	'/IpamDriver.RequestAddress': () => ({ Address: nextAddress(), Data: {} }),
}

createServer((request, response) => {
	request.resume()
	request.on('end', () => {
		const body = JSON.stringify((ANSWERS[request.url ?? ''] ?? (() => ({})))())
		response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }).end(body)
	})
}).listen(process.argv[2])
