/** A program for the virtual machine of `emulated.ts`: prints its rows as a line of JSON. */
import { IPVLAN, makeBed } from './bed.ts'
import { connectOne } from './connect.ts'
import { withRig } from './rig.ts'

const ROUNDS = 15

const rows = await withRig(async ({ api }) =>
	connectOne(api, await makeBed(api, IPVLAN, 1), ', ipvlan, emulated', ROUNDS),
)
console.log(JSON.stringify(rows))
