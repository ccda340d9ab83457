/**
 * Keeps V8's young generation at its first size, 1 MiB. While modules load it would grow to 32 MiB and never shrink;
 * what a daemon like this one allocates lives for one call. To be imported before everything else.
 */
import { setFlagsFromString } from 'node:v8'

setFlagsFromString('--semi-space-growth-factor=1')
