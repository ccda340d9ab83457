/** libnftables' calls under its own names, as ffi.ts binds them; see libnftables(3). */

declare const contextBrand: unique symbol
/** A `struct nft_ctx *`. */
export type NftContext = { readonly [contextBrand]: true }

/** A context serves one call at a time. */
export interface Nftables {
	newContext(): NftContext
	freeContext(context: NftContext): void
	bufferOutput(context: NftContext): number
	bufferError(context: NftContext): number
	outputBuffer(context: NftContext): string
	errorBuffer(context: NftContext): string
	/** 0 for success; runs on the thread pool. */
	runCommand(context: NftContext, command: string): Promise<number>
	/** Gives memory that was freed back to the system: malloc_trim(3); on the thread pool. */
	trim(): Promise<void>
}
