/**
 * firewalld and ufw on a test host, as `fetch-programs` brought them: they lie over this machine's /usr and /etc, in the
 * host's mount namespace only.
 */

import { existsSync } from 'node:fs'
import { Daemon } from './daemon.ts'
import { type Host, noHost } from './host.ts'

const FOLDER = '/var/cache/weft-test/firewalls'

/** Why a host cannot have these programs, as a `skip` of node:test: false when it can. */
export function noFirewalls(): string | false {
	if (!existsSync(FOLDER)) return `needs firewalld and ufw in ${FOLDER}, where test/support/fetch-programs puts them`
	return noHost()
}

/** ufw's rules are put in place by its package's script. */
const OVERLAY = `
set -e
mkdir -p /run/etc.upper /run/etc.work
mount -t overlay overlay -o lowerdir=${FOLDER}/usr:/usr /usr
mount -t overlay overlay -o lowerdir=${FOLDER}/etc:/etc,upperdir=/run/etc.upper,workdir=/run/etc.work /etc
mount -t tmpfs tmpfs /etc/docker
cp /usr/share/ufw/iptables/*.rules /usr/share/ufw/ufw.conf /usr/share/ufw/*.init /etc/ufw/
`

/** Before its daemons start. */
export async function installFirewalls(host: Host): Promise<void> {
	await host.exec(['sh', '-c', OVERLAY])
}

/** A bus on which everybody may say everything, and nobody is started. */
const BUS = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
	<type>system</type>
	<listen>unix:path=/run/dbus/system_bus_socket</listen>
	<policy context="default">
		<allow user="*"/>
		<allow own="*"/>
		<allow send_destination="*"/>
		<allow receive_sender="*"/>
	</policy>
</busconfig>
`

/** firewalld on a bus of the host's own. It ends with the host. */
export async function startFirewalld(host: Host): Promise<Daemon> {
	await host.exec(['sh', '-c', 'mkdir -p /run/dbus && cat >/run/dbus.conf'], { input: BUS })
	const bus = new Daemon('dbus-daemon', host.enter([]))
	bus.start(['dbus-daemon', '--config-file=/run/dbus.conf', '--nofork', '--nopidfile'], {})
	await bus.ready(async () => existsSync(host.path('/run/dbus/system_bus_socket')))
	const firewalld = new Daemon('firewalld', host.enter([]))
	await restartFirewalld(host, firewalld)
	return firewalld
}

export async function restartFirewalld(host: Host, firewalld: Daemon): Promise<void> {
	await firewalld.end('SIGTERM')
	firewalld.start(['firewalld', '--nofork', '--nopid'], {})
	await firewalld.ready(async () => (await host.attempt(['firewall-cmd', '--state'])).code === 0)
}
