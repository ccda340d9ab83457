/** The options of mode host. Pure. */
import { invalid } from '../errors.ts'
import { PROTOCOLS } from '../model/network.ts'
import type { HostOptions, PortRange } from '../model/options.ts'
import { DOCKER_MTU, MTU, PREFIX, parsePrefix, quote, type Raw, read, readMtu } from './option-values.ts'

const PORTS = 'ports'
const EXCLUDE = 'exclude'

export const HOST_KNOWN: readonly string[] = [MTU, DOCKER_MTU, PREFIX, PORTS, EXCLUDE]

export function parseHost(raw: Raw): HostOptions {
	const mtu = readMtu(raw)
	const ports = read(raw, PORTS, parsePorts)
	return {
		mode: 'host',
		interfacePrefix: read(raw, PREFIX, parsePrefix) ?? 'eth',
		...(mtu === undefined ? {} : { mtu }),
		...(ports === undefined ? {} : { ports }),
		exclude: read(raw, EXCLUDE, parsePorts) ?? [],
		gatewayModes: { 4: 'nat', 6: 'nat' },
		icc: true,
		antispoof: true,
		masquerade: true,
		sourceAddresses: {},
		trustedInterfaces: [],
		inhibitIpv4: false,
	}
}

/** The same as they are asked for, with the defaults that hold. */
export function formatHost({ mtu, interfacePrefix, ports, exclude }: HostOptions): Raw {
	return {
		...(mtu === undefined ? {} : { [MTU]: String(mtu) }),
		[PREFIX]: interfacePrefix,
		...(ports === undefined ? {} : { [PORTS]: formatPorts(ports) }),
		...(exclude.length === 0 ? {} : { [EXCLUDE]: formatPorts(exclude) }),
	}
}

/** Such as `80,443/tcp,5000-5010/udp`; without a protocol it is each of them. */
function parsePorts(name: string, text: string): PortRange[] {
	return text.split(',').map((part) => {
		const [, from = '', to = from, protocol] = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/.exec(part) ?? []
		const [first, last] = [Number(from), Number(to)]
		const known = PROTOCOLS.find((each) => each === protocol)
		if (first < 1 || last > 65535 || first > last || known !== protocol) {
			const list = 'a list of ports from 1 to 65535 such as 80,443/tcp,5000-5010/udp, of tcp, udp and sctp'
			throw invalid(`${name}=${quote(text)} must be ${list}; ${quote(part)} is none`)
		}
		return { first, last, ...(known === undefined ? {} : { protocol: known }) }
	})
}

function formatPorts(ranges: readonly PortRange[]): string {
	return ranges
		.map(({ first, last, protocol }) => {
			return `${first}${last === first ? '' : `-${last}`}${protocol === undefined ? '' : `/${protocol}`}`
		})
		.join()
}
