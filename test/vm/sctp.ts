/** Ports of SCTP on a network of mode host, by real sockets, which many kernels lack. Runs in sctp-vm.test.ts. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { type Bed, makeBed, noBed, type Place } from '../live/networks-bed.ts'
import { FAMILIES, HOST, LOOPBACK, OUTSIDE } from '../live/networks-scene.ts'
import { type Container, endAll, networkRequest, runContainer, startWeft, type Weft } from '../live/networks-weft.ts'
import { eventually } from '../support/eventually.ts'

/** In Perl, which every Debian has: Node has no such sockets. */
const SOCKET = `use Socket qw(:DEFAULT pack_sockaddr_in6 unpack_sockaddr_in6 inet_pton inet_ntop AF_INET6 IPPROTO_IPV6 IPV6_V6ONLY);
my ($six, $address, $port) = @ARGV;
my $family = $six ? AF_INET6 : AF_INET;
my $name = $six ? pack_sockaddr_in6($port, inet_pton(AF_INET6, $address)) : pack_sockaddr_in($port, inet_aton($address));
socket(my $socket, $family, SOCK_STREAM, 132) or die "socket: $!\\n";
alarm 5;
`
/** Tells a client its address, once, and ends. */
const SERVE = `${SOCKET}setsockopt($socket, IPPROTO_IPV6, IPV6_V6ONLY, 1) if $six;
bind($socket, $name) or die "bind: $!\\n";
listen($socket, 5) or die "listen: $!\\n";
alarm 60;
my $from = accept(my $peer, $socket) or die "accept: $!\\n";
my (undef, $ip) = $six ? unpack_sockaddr_in6($from) : unpack_sockaddr_in($from);
syswrite($peer, inet_ntop($family, $ip));
sleep 1;
`
const DIAL = `${SOCKET}connect($socket, $name) or exit;
sysread($socket, my $said, 100);
print $said;
`
const ANY = { 4: '0.0.0.0', 6: '::' } as const

describe('SCTP on a network of mode host', { skip: noBed('perl') }, () => {
	let bed: Bed
	let weft: Weft
	let one: Container
	/** Another one for each test: for a while the kernel keeps one whose association has ended. */
	let port = 7000
	before(async () => {
		bed = await makeBed()
		weft = await startWeft()
		await weft.verbs.createNetwork(networkRequest(1, { options: { mode: 'host' } }))
		one = await runContainer(weft, 1, 2)
	})
	beforeEach(() => {
		port++
	})
	after(() => endAll(bed, weft, one === undefined ? [] : [one]))

	function perl(place: Place, program: string, family: 4 | 6, address: string): Promise<string> {
		return place.run('perl', '-e', program, family === 6 ? '1' : '', address, String(port))
	}

	/** Until a client gets the answer that the server has. */
	async function assertSees(from: Place, family: 4 | 6, address: string, expected: string): Promise<void> {
		let said = ''
		const asks = async () => {
			said = await perl(from, DIAL, family, address)
			return said === expected
		}
		await eventually(asks, { what: () => `${address} says ${said}`, within: 60_000 })
	}

	for (const family of FAMILIES) {
		it(`has what a container listens on at the host’s address, IPv${family}`, async () => {
			const served = perl(one.place, SERVE, family, ANY[family])
			await assertSees(bed.outside, family, HOST[family], OUTSIDE[family])
			await served
			await eventually(async () => (await perl(bed.outside, DIAL, family, HOST[family])) === '', {
				within: 60_000,
			})
		})
	}

	it('has what a container listens on at 127.0.0.1 on the host’s, and the other way round', async () => {
		const served = perl(one.place, SERVE, 4, LOOPBACK[4])
		await assertSees(bed.host, 4, LOOPBACK[4], LOOPBACK[4])
		await served
		const servedThere = perl(bed.host, SERVE, 4, LOOPBACK[4])
		await assertSees(one.place, 4, LOOPBACK[4], LOOPBACK[4])
		await servedThere
	})

	it('leaves a port with its owner', async () => {
		const served = perl(bed.host, SERVE, 4, ANY[4])
		const also = perl(one.place, SERVE, 4, ANY[4])
		await eventually(() => weft.sharedPorts.of(one.endpointId).refused.length > 0, { within: 60_000 })
		assert.match(
			weft.sharedPorts.of(one.endpointId).refused[0]?.why ?? '',
			new RegExp(`:${port}/sctp is already allocated`),
		)
		await assertSees(bed.outside, 4, HOST[4], OUTSIDE[4])
		await served
		await assertSees(bed.outside, 4, HOST[4], OUTSIDE[4])
		await also
	})
})
