/** What a mode plans for a network and an endpoint, as text for goldens. */
import { identity, type Resource } from '../../src/kernel/resource.ts'
import { renderElements } from '../../src/kernel/ruleset.ts'
import type { Endpoint, Network } from '../../src/model/network.ts'
import type { Mode } from '../../src/modes/mode.ts'

export function renderPlan<N extends Network>(mode: Mode<N>, network: N, endpoint: Endpoint): string {
	const { owned } = mode
	const parts = {
		network: mode.network(network),
		attached: mode.attached(network, endpoint),
		published: mode.published(network, endpoint),
		...(owned === undefined
			? {}
			: {
					'network, with the owner': owned.network(network),
					'attached, with the owner': owned.attached(network, endpoint),
					'published, with the owner': owned.published(network, endpoint),
				}),
	}
	const text = Object.entries(parts).map(
		([name, resources]) => `${name}\n${resources.map((each) => `\t${line(each)}\n`).join('')}`,
	)
	return `${text.join('')}attachment\n\t${JSON.stringify(mode.attachment(network, endpoint))}\n`
}

function line(resource: Resource): string {
	if (resource.kind === 'element') return renderElements('add', [resource]).trimEnd()
	const { kind: _, ...attributes } = resource
	return `${identity(resource)} ${JSON.stringify(attributes)}`
}
