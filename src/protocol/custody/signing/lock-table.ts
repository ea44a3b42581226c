/**
 * Which message each lock was given to, for ever.
 *
 * A lock never moves: not after an abort, not after a time, not at a resharing. Where two messages were given parts
 * of one lock before a resharing, nobody can tell any more which of them was signed, so the lock is spent.
 */
import { concatBytes, fromHex, toHex } from '../../../base/bytes.ts'
import { lockEntryBytes, lockPagesMax, locksPerPage } from '../../../wire/key-ceremony.ts'

/** Locks that a group gives away in its life; 12 MiB. A full table refuses: forgetting would free a lock. */
const locksMax = 65_536

/** Most entries of a table that is handed over. */
const handedMax = lockPagesMax * locksPerPage

/** Stands for a message in the entry of a lock that is spent. No message has this hash. */
const spent = '00'.repeat(32)

export class LockTable {
  readonly #holders = new Map<string, string>()
  readonly #locksMax: number

  constructor(most: number = locksMax) {
    this.#locksMax = most
  }

  get size(): number {
    return this.#holders.size
  }

  /** Whether it can be handed over whole. It grows beyond that only by what broken signers made up. */
  get isPortable(): boolean {
    return this.#holders.size <= handedMax
  }

  /** Gives a free lock to a message, once; says who holds it now. Both have 32 bytes. */
  take(lock: Uint8Array, message: Uint8Array): 'held' | 'held-by-another' | 'full' {
    const [name, hash] = [toHex(lock), toHex(message)]
    const holder = this.#holders.get(name)
    if (holder !== undefined) return holder === hash ? 'held' : 'held-by-another'
    if (this.#holders.size >= this.#locksMax) return 'full'
    this.#holders.set(name, hash)
    return 'held'
  }

  /** All entries in rising order, joined: what a table is handed over as. */
  entries(): Uint8Array {
    const rows = [...this.#holders].map(([lock, message]) => lock + message).toSorted()
    return concatBytes(...rows.map(row => fromHex(row) ?? new Uint8Array(lockEntryBytes)))
  }

  /** Takes over the entries of another table, above the bound too: none is ever dropped. */
  absorb(entries: Uint8Array): void {
    for (const [lock, message] of rowsOf(entries)) {
      const holder = this.#holders.get(lock)
      this.#holders.set(lock, holder === undefined || holder === message ? message : spent)
    }
  }
}

/** Entries in pages; an empty table has one. */
export function pagesOf(entries: Uint8Array): readonly Uint8Array[] {
  const size = locksPerPage * lockEntryBytes
  const count = Math.max(1, Math.ceil(entries.length / size))
  return Array.from({ length: count }, (_, i) => entries.subarray(i * size, (i + 1) * size))
}

/** Whether bytes are entries as `entries` writes them: whole, rising and each lock once. */
export function areEntries(bytes: Uint8Array): boolean {
  if (bytes.length % lockEntryBytes !== 0) return false
  if (bytes.length > handedMax * lockEntryBytes) return false
  const rows = rowsOf(bytes)
  return rows.every(([lock], i) => i === 0 || (rows[i - 1]?.[0] ?? '') < lock)
}

function rowsOf(entries: Uint8Array): [lock: string, message: string][] {
  return Array.from({ length: entries.length / lockEntryBytes }, (_, i) => {
    const at = i * lockEntryBytes
    return [toHex(entries.subarray(at, at + 32)), toHex(entries.subarray(at + 32, at + 64))]
  })
}
