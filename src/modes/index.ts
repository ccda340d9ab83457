/** The table of modes. */
import type { ModeName } from '../model/options.ts'
import { bridge } from './bridge.ts'
import type { Mode } from './mode.ts'

export const modes: Readonly<Record<ModeName, Mode>> = { bridge }
