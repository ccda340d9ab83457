/** Docker's own names for bridges. */

/** Docker's default bridge, its gateway bridge, and br- with the first 12 digits of a network's id. */
const NAMES = /^(docker0|docker_gwbridge|br-[0-9a-f]{12})$/

export function isDockerName(link: string): boolean {
	return NAMES.test(link)
}
