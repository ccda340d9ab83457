/** What Docker calls networks and containers: weft itself knows only ids. */

export interface Names {
	/** Of networks, by id; undefined where Docker did not tell in time. */
	readonly networks: ReadonlyMap<string, string> | undefined
	/** Of containers, by the id of their endpoint. */
	readonly containers: ReadonlyMap<string, string>
}

export const NO_NAMES: Names = { networks: undefined, containers: new Map() }

export function networkName({ networks }: Names, id: string): string | null {
	return networks?.get(id) ?? null
}

export function containerName({ containers }: Names, endpointId: string): string | null {
	return containers.get(endpointId) ?? null
}
