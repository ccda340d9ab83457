/** Kills on this machine's kernel, WEFT_TEST_HOST_KILLS of them. */
import { killAgainAndAgain } from './kills.ts'
import { HOST_ROWS } from './rows.ts'

const kills = Number(process.env.WEFT_TEST_HOST_KILLS ?? 15)

killAgainAndAgain({ rows: HOST_ROWS, kills, longestLife: 400, uplinks: [] })
