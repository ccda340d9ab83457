/** wireguard.ts on a kernel that has what it is about. */
import { testInVm } from '../support/vm.ts'

testInVm('wireguard')
