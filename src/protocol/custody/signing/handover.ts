/**
 * How an epoch ends: old signers give it up for one successor and hand over their locks, and new signers start with
 * the locks of as many of them as sign.
 *
 * What was signed under a lock was voted for by so many that any such number includes one who knows. So nothing
 * that was signed is free again, whoever else is silent, gone or lying.
 */
import { concatBytes, equalBytes, toHex } from '../../../base/bytes.ts'
import {
  type HandoverBody,
  handoverCodec,
  lockEntryBytes,
  locksPerPage,
  lockTableDigest,
} from '../../../wire/key-ceremony.ts'
import { areEntries, LockTable, pagesOf } from './lock-table.ts'

/** The bodies in which a signer hands over all its locks. */
export function handoverBodies(locks: LockTable, successor: Uint8Array): readonly Uint8Array[] {
  const entries = locks.entries()
  const pages = pagesOf(entries)
  const table = lockTableDigest(entries)
  return pages.map((page, i) =>
    handoverCodec.encode({ successor, table, pages: pages.length, page: i, locks: page }),
  )
}

interface Collection {
  readonly table: Uint8Array
  pages: (Uint8Array | undefined)[]
  isWhole: boolean
}

/** The tables that old signers handed over for one successor. */
export class HandoverBook {
  readonly #successor: Uint8Array
  readonly #tables = new Map<string, Collection>()
  /** The locks of all whole tables together. */
  readonly union = new LockTable()

  constructor(successor: Uint8Array) {
    this.#successor = successor
  }

  /** A page of an old signer's table. Returns whether the table is whole by it, for the first time. */
  hear(sender: Uint8Array, body: HandoverBody): boolean {
    const { pages, page, table, locks } = body
    const isFull = page === pages - 1 || locks.length === locksPerPage * lockEntryBytes
    if (!equalBytes(body.successor, this.#successor) || page >= pages || !isFull) return false
    const name = toHex(sender)
    const known = this.#tables.get(name)
    if (known?.isWhole === true) return false
    const isSame = known !== undefined && equalBytes(known.table, table)
    const collection: Collection =
      isSame && known.pages.length === pages
        ? known
        : { table, pages: Array.from({ length: pages }), isWhole: false }
    this.#tables.set(name, collection)
    collection.pages[page] = locks
    const entries = entriesOf(collection)
    if (entries === undefined) return false
    collection.isWhole = true
    collection.pages = []
    this.union.absorb(entries)
    return true
  }

  /** Old signers whose tables are whole. */
  get count(): number {
    return [...this.#tables.values()].filter(({ isWhole }) => isWhole).length
  }
}

/** All of a table, once every page is there and they are what was promised. */
function entriesOf(collection: Collection): Uint8Array | undefined {
  const pages = collection.pages.filter(page => page !== undefined)
  if (pages.length < collection.pages.length) return undefined
  const entries = concatBytes(...pages)
  if (areEntries(entries) && equalBytes(lockTableDigest(entries), collection.table)) return entries
  // Pages of no table are thrown away: whoever sent them has handed nothing over.
  collection.pages.fill(undefined)
  return undefined
}
