/** Expected bytes as they are easiest to check by eye: in groups, each field apart. */
export function hex(...groups: string[]): string {
	return groups.join('').replaceAll(' ', '')
}
