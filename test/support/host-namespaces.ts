/**
 * The namespaces of a private test host, and of the "outside" beyond its uplink. A supervising shell of its own session
 * holds them and reads a pipe from this process: when the pipe closes, also because this process was killed, everything
 * inside ends with the pid namespace and the shell removes the cgroups. All files are on tmpfs in there and go with it.
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export const HOST_V4 = '203.0.113.2'
export const HOST_V6 = '2001:db8:113::2'
export const OUTSIDE_V4 = '203.0.113.1'
export const OUTSIDE_V6 = '2001:db8:113::1'
/** Addresses that are reached only through the default route: "the internet". */
export const INTERNET_V4 = '198.51.100.7'
export const INTERNET_V6 = '2001:db8:51::7'

/** `read` is a builtin, so /proc/self is the shell, and the machine's /proc names it as the machine sees it. */
const OUTSIDE = `
read -r pid _ </proc/self/stat
ip link set lo up
ip addr add ${INTERNET_V4}/32 dev lo
ip addr add ${INTERNET_V6}/128 dev lo
echo "$pid"
exec sleep infinity
`

const INIT = `
set -e
read -r self _ </proc/self/stat
mount --make-rprivate /
[ -z "$WEFT_BED_USR" ] || mount -t overlay -o "ro,lowerdir=$WEFT_BED_USR:/usr" usr /usr
coproc unshare --net -- bash -c "$WEFT_BED_OUTSIDE"
read -r outside <&"\${COPROC[0]}"
ip link set lo up
ip link add eth0 type veth peer name up0
ip link set up0 netns "/proc/$outside/ns/net"
ip addr add ${HOST_V4}/24 dev eth0
ip addr add ${HOST_V6}/64 dev eth0 nodad
ip link set eth0 up
nsenter --net="/proc/$outside/ns/net" ip addr add ${OUTSIDE_V4}/24 dev up0
nsenter --net="/proc/$outside/ns/net" ip addr add ${OUTSIDE_V6}/64 dev up0 nodad
nsenter --net="/proc/$outside/ns/net" ip link set up0 up
# The kernel adds it when it has noticed that both ends are up: a footprint taken before would lack it.
for _ in {1..100}; do
	ip -6 route show table local | grep -q "^local ${HOST_V6} " && break
	sleep .05
done
ip route add default via ${OUTSIDE_V4}
ip -6 route add default via ${OUTSIDE_V6}
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
mkdir -p /run/cgroup /run/lock /run/docker/plugins /run/data /etc/docker
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --move /run/cgroup /sys/fs/cgroup
mount -t tmpfs tmpfs /etc/docker
mount --make-rshared /
echo "ready $self $outside"
while read -r _; do :; done
`

/** unshare --kill-child and the pid namespace end every process inside; only cgroups outlive their processes. */
const SUPERVISOR = `
unshare --mount --net --pid --uts --ipc --fork --kill-child -- bash -c "$WEFT_BED_INIT" weft-test-host
for _ in $(seq 40); do
	left=$(find /sys/fs/cgroup -depth -type d -path "*/$WEFT_BED_CGROUP*" 2>/dev/null) || true
	[ -n "$left" ] || break
	rmdir $left 2>/dev/null || sleep .05
done
`

export interface Namespaces {
	/** Pids, as this process sees them, of what holds the host's and the outside's namespaces. */
	readonly host: number
	readonly outside: number
	/** Ends everything inside and waits until nothing is left. */
	end(): Promise<void>
}

/** `usr` is a folder that lies over this machine's /usr in there. */
export async function holdNamespaces(cgroup: string, usr = ''): Promise<Namespaces> {
	const supervisor = spawn('bash', ['-c', SUPERVISOR], {
		detached: true,
		stdio: ['pipe', 'pipe', 'pipe'],
		env: {
			...process.env,
			WEFT_BED_INIT: INIT,
			WEFT_BED_OUTSIDE: OUTSIDE,
			WEFT_BED_CGROUP: cgroup,
			WEFT_BED_USR: usr,
		},
	})
	const gone = once(supervisor, 'exit')
	const [, host, outside] = await readyLine(supervisor)
	return {
		host: Number(host),
		outside: Number(outside),
		end: async () => {
			supervisor.stdin?.end()
			await gone
		},
	}
}

async function readyLine(supervisor: ChildProcess): Promise<string[]> {
	if (!supervisor.stdout || !supervisor.stderr) throw new Error('the supervising shell has no pipes')
	let complaint = ''
	supervisor.stderr.on('data', (chunk) => {
		complaint += chunk
	})
	for await (const line of createInterface(supervisor.stdout)) {
		if (line.startsWith('ready ')) return line.split(' ')
	}
	throw new Error(`no namespaces for a test host: ${complaint.trim() || 'no reason given'}`)
}
