/** The crash suite on a kernel with every kind of link, and networks of all of them. Runs in kills-vm.test.ts. */
import { killAgainAndAgain } from '../crash/kills.ts'
import { LAN_ROWS, UPLINKS } from '../crash/rows.ts'

// All takes some ten times as long in there.
killAgainAndAgain({ rows: LAN_ROWS, kills: 8, longestLife: 4000, uplinks: UPLINKS })
