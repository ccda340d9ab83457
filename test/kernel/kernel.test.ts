/** The kernel in memory keeps to the contract, so that what is proven on it means something. */
import { kernelContract } from '../contract/kernel.ts'
import { FakeKernel } from '../support/fake-kernel.ts'

kernelContract('FakeKernel', async () => {
	const kernel = new FakeKernel()
	return {
		kernel,
		objects: async () => kernel.objects().filter((each) => !each.startsWith('port ')),
		masterOf: async (link) => kernel.masterOf(link),
		targetOf: async (set, key) => kernel.targetOf(set, key),
		addForeignLink: async (name) => kernel.addForeignLink(name),
		addForeignBridge: async (name, cidr) => {
			kernel.addForeignLink(name, { kind: 'bridge', state: { addresses: [cidr], routesLocalnet: false } })
		},
		setting: async (key) => kernel.settings.get(key),
		loseLink: async (name) => kernel.loseLink(name),
		loseAddress: async (link, cidr) => kernel.loseAddress(link, cidr),
		loseTable: async () => kernel.loseTable(),
	}
})
