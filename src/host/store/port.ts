/** One sealed page as the disk gave it back. */
export interface StoredPage {
  readonly number: number
  /** Owned by the caller. The host may have swapped, torn or rolled back anything: only a seal proves a page. */
  readonly bytes: Uint8Array
}

/**
 * Numbered pages on the host's disk. The host can read, lose and roll back all of it, so nothing that
 * matters may depend on it: it is a cache that saves time.
 *
 * Every method rejects with a `HostError` when the disk fails: `STORE_FULL` (no space left), `STORE_DAMAGED`
 * (what is there cannot be read), `STORE_FAILED` (anything else). After `STORE_DAMAGED` only `clear` and `close`
 * are of use. One caller at a time.
 */
export interface PageStore {
  /** Whether what lay there before could not be opened, was put aside, and this store began empty. */
  readonly beganAnew: boolean
  /** Pages in rising order of their numbers, at most those that were there at the call. */
  pages(): AsyncIterable<StoredPage>
  /** Keeps a page under a number above every other, 1 to 2^53 - 1. It may be lost with the machine's power. */
  put(number: number, bytes: Uint8Array): Promise<void>
  /** Drops every page above `above`, or from the first on, up to and with `number`. */
  dropThrough(number: number, above?: number): Promise<void>
  /** The record that stands beside the pages; `undefined` if there is none. Owned by the caller, and proves as little as a page. */
  record(): Promise<Uint8Array | undefined>
  /** Keeps a record in place of the last one. When it resolves, record and all pages put before outlast a loss of power. */
  putRecord(bytes: Uint8Array): Promise<void>
  /** Drops everything, whatever state it is in. */
  clear(): Promise<void>
  /** Idempotent. */
  close(): Promise<void>
}
