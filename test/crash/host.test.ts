/** Kills on this machine's kernel, WEFT_TEST_HOST_KILLS of them. */
import { noEtcd } from '../support/etcd.ts'
import { killAgainAndAgain } from './kills.ts'
import { HOST_ROWS, isOverlay } from './rows.ts'

const kills = Number(process.env.WEFT_TEST_HOST_KILLS ?? 15)
// Without etcd its own tests say so.
const rows = HOST_ROWS.filter((row) => !isOverlay(row) || noEtcd() === false)

killAgainAndAgain({ rows, kills, longestLife: 400, uplinks: [] })
