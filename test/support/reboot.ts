/** What a reboot of a private test host takes: all processes of Docker, weft and containers, /run/docker, links and rules. */
import type { Host } from './host.ts'

/** What a kernel that has just begun does not have. eth0 is there at once, as a card is. */
const FORGET = `
for link in $(ip -br link | awk '$1 ~ /^(weft|wv|veth|docker|br-)/ {sub("@.*", "", $1); print $1}'); do ip link del "$link" 2>/dev/null; done
nft flush ruleset
echo 0 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/default/forwarding
for mount in $(awk '$2 ~ "^/run/(docker|data/docker)/" {print $2}' /proc/mounts | sort -r); do umount -l "$mount"; done
rm -rf /run/docker /run/docker.pid /run/weft
mkdir -p /run/docker/plugins
`

/** Without a warning to anybody; neither weft nor Docker is started again. */
export async function powerCut(host: Host): Promise<void> {
	const names = (await host.docker('ps', '-q')).split('\n').filter((name) => name !== '')
	const pids = names.length === 0 ? '' : await host.docker('inspect', '-f', '{{.State.Pid}}', ...names)
	await Promise.all([host.stopDockerd('SIGKILL'), host.killWeftd()])
	// The names are those of this host's own processes.
	const others = 'pidof containerd containerd-shim-runc-v2 docker-proxy'
	await host.exec(['sh', '-c', `kill -9 ${pids.replaceAll('\n', ' ')} $(${others}); sleep .2; ${FORGET}`])
}
