#!/usr/bin/env node
/** The command line's executable: hands the process to cli/main.ts and prints what comes back. */
import { main } from './cli/main.ts'
import { adminSocketOf } from './config.ts'

const [, program = '', ...args] = process.argv
const { stdout, stderr, code } = await main(program, args, (flag) => adminSocketOf(process.env, flag))
// A reader that has seen enough, as head has, is no fault.
process.stdout.on('error', () => undefined)
process.stderr.write(stderr)
process.stdout.write(stdout)
process.exitCode = code
