/** What Docker tells of its networks. */
import { WeftError } from '../errors.ts'
import type { WantedNetwork } from '../model/network.ts'
import { fieldOf, listOf, text } from './answers.ts'
import type { DockerClient } from './client.ts'

const NAME = 'com.docker.network.bridge.name'
const OF_BRIDGES = encodeURIComponent(JSON.stringify({ driver: ['bridge'] }))

type Asked = Pick<DockerClient, 'get'>

/** One network, as Docker lists it. Addresses and subnets are as Docker writes them. */
export interface DockerNetwork {
	readonly id: string
	readonly name: string
	readonly driver: string
	readonly ipamDriver: string
	/** Of Swarm: other hosts have parts of it. */
	readonly isSwarms: boolean
	readonly subnets: readonly string[]
	/** Parts of subnets in which addresses are chosen: those of `--ip-range`. */
	readonly ranges: readonly string[]
	/** Addresses set aside: gateways, and those of `--aux-address`. */
	readonly reserved: readonly string[]
}

/** Who has an address on a network. */
export interface DockerEndpoints {
	readonly ids: readonly string[]
	/** With their mask length. */
	readonly addresses: readonly string[]
}

/** The names of bridges that Docker's networks were given; may take as long as dockerd hangs. */
export async function bridgeNames(docker: Asked): Promise<string[]> {
	const networks = listOf(await docker.get(`/networks?filters=${OF_BRIDGES}`), 'networks')
	return networks.map((each) => text(fieldOf(fieldOf(each, 'Options'), NAME))).filter((name) => name !== '')
}

/** Which engine answers: another one, or one with another store of networks, has another name. */
export async function engineName(docker: Asked): Promise<string> {
	const info = await docker.get('/info')
	const [id, root] = [text(fieldOf(info, 'ID')), text(fieldOf(info, 'DockerRootDir'))]
	if (id === '' || root === '') throw new WeftError('system', 'Docker does not say which engine it is')
	return `${id} ${root}`
}

/** All that there are, of every driver. */
export async function dockerNetworks(docker: Asked): Promise<DockerNetwork[]> {
	return listOf(await docker.get('/networks'), 'networks').map(networkOf)
}

/** Fails where there is no such network any more. */
export async function dockerEndpoints(docker: Asked, networkId: string): Promise<DockerEndpoints> {
	const network = await docker.get(`/networks/${encodeURIComponent(networkId)}`)
	const containers = fieldOf(network, 'Containers')
	if (typeof containers !== 'object' || containers === null) {
		throw new WeftError('system', `Docker does not say who is on network ${networkId}`)
	}
	const endpoints = Object.values(containers)
	return {
		ids: endpoints.map((each) => text(fieldOf(each, 'EndpointID'))),
		addresses: endpoints.flatMap((each) => [text(fieldOf(each, 'IPv4Address')), text(fieldOf(each, 'IPv6Address'))]),
	}
}

/** Milliseconds: Docker calls weft for it, which may have to wait for the cluster. */
const MAKING = 60_000

/** Never on behalf of a plugin call. @throws WeftError `exists` where Docker has another one of its name; `system` */
export async function makeNetwork(docker: Pick<DockerClient, 'post'>, wanted: WantedNetwork): Promise<void> {
	const { name, driver, ipamDriver, internal, options, subnets, ipv4, ipv6 } = wanted
	const config = subnets.map(({ pool, range, gateway, reserved }) => ({
		Subnet: pool,
		...(range === undefined ? {} : { IPRange: range }),
		...(gateway === undefined ? {} : { Gateway: gateway }),
		AuxiliaryAddresses: reserved,
	}))
	const body = {
		Name: name,
		// Docker before 25 makes a second one of the same name otherwise.
		CheckDuplicate: true,
		Driver: driver,
		Internal: internal,
		// True where it is not given; Docker before 28 does not read it, and cannot leave IPv4 out.
		EnableIPv4: ipv4,
		EnableIPv6: ipv6,
		Options: options,
		IPAM: { Driver: ipamDriver, Config: config },
	}
	await docker.post('/networks/create', body, MAKING)
}

function networkOf(network: unknown): DockerNetwork {
	const id = text(fieldOf(network, 'Id'))
	// One that is passed over would be taken for forgotten.
	if (id === '') throw new WeftError('system', 'Docker lists a network without an id')
	const ipam = fieldOf(network, 'IPAM')
	const config = fieldOf(ipam, 'Config')
	const subnets = Array.isArray(config) ? config : []
	return {
		id,
		name: text(fieldOf(network, 'Name')),
		driver: text(fieldOf(network, 'Driver')),
		ipamDriver: text(fieldOf(ipam, 'Driver')),
		isSwarms: fieldOf(network, 'Scope') !== 'local',
		subnets: subnets.map((each) => text(fieldOf(each, 'Subnet'))),
		ranges: subnets.map((each) => text(fieldOf(each, 'IPRange'))).filter((each) => each !== ''),
		reserved: subnets.flatMap((each) => [
			text(fieldOf(each, 'Gateway')),
			...Object.values(Object(fieldOf(each, 'AuxiliaryAddresses'))).map(text),
		]),
	}
}
