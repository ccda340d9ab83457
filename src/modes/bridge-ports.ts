/** What a published port of a container on a bridge is in the kernel. */
import { type Element, element, type HostPort, type Resource } from '../kernel/resource.ts'
import type { BridgeNetwork, Endpoint, PublishedPort } from '../model/network.ts'

export function published(_network: BridgeNetwork, endpoint: Endpoint): Resource[] {
	const ports = endpoint.published.flatMap((port) => portResources(endpoint, port))
	if (!ports.some(({ kind }) => kind === 'port')) return ports
	// With net.bridge.bridge-nf-call-iptables, which Docker sets, a container's packet to its own published port gets its
	// new address while it is still on the bridge, and would have to leave by the port that it came in by.
	return [{ kind: 'hairpin', link: endpoint.link }, ...ports]
}

function portResources(endpoint: Endpoint, port: PublishedPort): Resource[] {
	const open = element(`open${familyOf(port)}`, [port.containerIp, port.protocol, String(port.containerPort)])
	if (port.hostPort === 0) return [open]
	return [hostPort(endpoint, port), open, translation(port), ...loopback(port)]
}

/** The port itself, which a container of the host or another endpoint may have already. */
function hostPort(endpoint: Endpoint, port: PublishedPort): HostPort {
	return { kind: 'port', protocol: port.protocol, address: port.hostIp, port: port.hostPort, owner: endpoint.id }
}

function translation(port: PublishedPort): Element {
	const map = `publish${familyOf(port)}`
	const any = port.hostIp === '0.0.0.0' || port.hostIp === '::'
	const target = [port.containerIp, String(port.containerPort)]
	const service = [port.protocol, String(port.hostPort)]
	return any ? element(`${map}_any`, service, target) : element(map, [port.hostIp, ...service], target)
}

/** On ::1, which takes more than the translation. */
function loopback({ protocol, hostIp, hostPort }: PublishedPort): Element[] {
	return hostIp === '::' || hostIp === '::1' ? [element('loopback6', [protocol, String(hostPort)])] : []
}

function familyOf(port: PublishedPort): string {
	return port.containerIp.includes(':') ? '6' : '4'
}
