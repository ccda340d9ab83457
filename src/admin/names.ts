/** What Docker calls networks and containers: weft itself knows only ids. */

export interface Names {
	/** Of networks, by id. */
	readonly networks: ReadonlyMap<string, string>
	/** Of containers, by the id of their endpoint. */
	readonly containers: ReadonlyMap<string, string>
}

export const NO_NAMES: Names = { networks: new Map(), containers: new Map() }

export function networkName({ networks }: Names, id: string): string | null {
	return networks.get(id) ?? null
}

export function containerName({ containers }: Names, endpointId: string): string | null {
	return containers.get(endpointId) ?? null
}
