/** The options of the modes host and container. Pure. */
import { invalid } from '../errors.ts'
import { PROTOCOLS } from '../model/network.ts'
import type { ContainerOptions, HostOptions, PortRange, SharedOptions } from '../model/options.ts'
import { DOCKER_MTU, given, MTU, PREFIX, parsePrefix, quote, type Raw, read, readMtu } from './option-values.ts'

const PORTS = 'ports'
const EXCLUDE = 'exclude'
const CONTAINER = 'container'

export const HOST_KNOWN: readonly string[] = [MTU, DOCKER_MTU, PREFIX, PORTS, EXCLUDE]
export const CONTAINER_KNOWN: readonly string[] = [CONTAINER, ...HOST_KNOWN]

export function parseHost(raw: Raw): HostOptions {
	return { mode: 'host', ...parseShared(raw) }
}

export function parseContainer(raw: Raw): ContainerOptions {
	if (given(raw, CONTAINER) === undefined) {
		throw invalid('mode container needs -o container=NAME, the container whose addresses and loopback are shared')
	}
	return { mode: 'container', container: parseName(CONTAINER, raw[CONTAINER] ?? ''), ...parseShared(raw) }
}

function parseShared(raw: Raw): Omit<HostOptions, 'mode'> {
	const mtu = readMtu(raw)
	const ports = read(raw, PORTS, parsePorts)
	return {
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
export function formatShared(options: SharedOptions): Raw {
	const { mtu, interfacePrefix, ports, exclude } = options
	return {
		...(options.mode === 'container' ? { [CONTAINER]: options.container } : {}),
		...(mtu === undefined ? {} : { [MTU]: String(mtu) }),
		[PREFIX]: interfacePrefix,
		...(ports === undefined ? {} : { [PORTS]: formatPorts(ports) }),
		...(exclude.length === 0 ? {} : { [EXCLUDE]: formatPorts(exclude) }),
	}
}

/** As Docker has names, of which ids are some. */
function parseName(name: string, text: string): string {
	if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/.test(text)) return text
	throw invalid(
		`${name}=${quote(text)} must be the name or id of a container: letters, digits, dots, dashes and underscores`,
	)
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
