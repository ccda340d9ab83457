/** What weft calls itself; the same as in package.json, which is not there where weft is one file. Imports nothing. */
export const VERSION = '0.1.0'
