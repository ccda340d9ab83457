/**
 * A real systemd on a test host: the first process of a pid namespace of its own, with this machine's file system and
 * the host's /run. It knows no unit of this machine's: starting those would set up the machine anew.
 */

import { existsSync } from 'node:fs'
import { Daemon } from './daemon.ts'
import { eventually } from './eventually.ts'
import type { Host } from './host.ts'

/** What is written to /usr, /etc/systemd and /var/lib ends with the host. */
const LAYERS = `
mkdir /run/upper /run/work /run/tmp-upper /run/tmp-work
mount -t overlay overlay -o lowerdir=/usr,upperdir=/run/upper,workdir=/run/work /usr
for folder in /usr/lib/systemd/system /etc/systemd/system /var/lib; do mount -t tmpfs tmpfs $folder; done
for target in sysinit basic shutdown multi-user; do
	printf '[Unit]\\nDescription=%s\\nDefaultDependencies=no\\n' $target >/usr/lib/systemd/system/$target.target
done
`

/** $1 is the cgroup that it may rule, in each hierarchy; it mounts by itself what it needs of them. */
const START = `
for root in $(awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/self/mounts | sort -u); do
	mkdir -p "$root/$1"
	# In a hierarchy of cpusets a new one is empty, and nothing can run in it.
	for file in cpuset.cpus cpuset.mems; do
		[ ! -f "$root/$file" ] || cat "$root/$file" >"$root/$1/$file"
	done
	echo $$ >"$root/$1/cgroup.procs"
done
exec unshare --cgroup --mount --pid --fork --kill-child --mount-proc sh -c '
	umount -R -l /sys/fs/cgroup
	# Its services write there; the project itself may lie there.
	mount -t overlay overlay -o lowerdir=/tmp,upperdir=/run/tmp-upper,workdir=/run/tmp-work /tmp
	mount -t tmpfs tmpfs /var/tmp
	exec env -i container=weft-test PATH="$PATH" \\
		/lib/systemd/systemd --system --unit=basic.target --log-target=console --show-status=false'
`

export interface Systemd {
	/** Runs a program beside it. */
	exec(...argv: readonly string[]): Promise<string>
	property(unit: string, name: string): Promise<string>
}

export async function startSystemd(host: Host): Promise<Systemd> {
	await host.exec(['sh', '-ec', LAYERS])
	const daemon = new Daemon('systemd', host.enter([]))
	daemon.start(['sh', '-ec', START, 'sh', `${host.cgroup}-systemd`], {})
	const pid = async () => (await host.attempt(['pgrep', '-o', '-x', 'systemd'])).stdout.trim()
	await eventually(async () => (await pid()) !== '', { what: () => daemon.tail(), within: 20_000 })
	const enter = ['nsenter', '-t', await pid(), '-m', '-p', '--']
	const exec = (...argv: readonly string[]) => host.exec([...enter, ...argv], { timeout: 120_000 })
	const up = () => host.attempt([...enter, 'systemctl', 'is-active', 'basic.target'])
	await eventually(async () => (await up()).stdout === 'active\n', { what: () => daemon.tail(), within: 20_000 })
	return { exec, property: async (unit, name) => (await exec('systemctl', 'show', '-P', name, unit)).trim() }
}

/** Why there can be none, as a `skip` of node:test. */
export function noSystemd(): string | false {
	return existsSync('/lib/systemd/systemd') ? false : 'needs systemd'
}
