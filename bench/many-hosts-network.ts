/** The network that a host and many simulated ones have together: its options but `mode`, and its addresses. */
export const OPTIONS = { id: 'wide', replicate: 'false' }
export const POOL = '10.98.0.0/16'
export const GATEWAY = '10.98.0.1/16'
