/**
 * The delta-state CRDT map: cells, their order, and the one join.
 *
 * Every cell is a totally ordered set of states and the join is the maximum, so it is commutative,
 * associative and idempotent by construction; the map is the product of its cells. A delta is the state of
 * one cell.
 *
 * - **Register** (last writer wins): ordered by stamp, then by value hash. A deletion is a state.
 * - **Set** (observed-remove, add wins): one cell for each element and author. Its state is the author's
 *   latest tag, live or removed; ordered by tag, then removed over live, then by the stamp of the removal,
 *   then by value hash. Adding makes a tag later than all removals seen; removing removes the tags seen. An
 *   element is in the set while any author's tag of it is live.
 * - **Multi-value register**: a set cell without an element, whose live tag carries a value. Assigning makes a
 *   tag and removes the tags seen; so assignments that did not see each other all stay.
 * - **Counter**: one slot for each author, which holds its own sum; ordered by stamp, then by value hash. The
 *   author signs it, so nobody else moves it, forwards or back. The counter is the sum of the slots.
 *
 * Two kinds under one key are two cells that do not touch; a read shows the first kind in this order that
 * holds anything. So nothing is lost, whatever the order, and all nodes show the same.
 */
import { compareBytes, inOrder, utf8 } from '../../base/bytes.ts'
import { unreachable } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { blankEntry, type EntryKind, type EntryView, entryKind } from '../../wire/entry.ts'
import { slotValue } from '../../wire/slot.ts'
import { type CellName, Cells } from './cells.ts'
import { rowFlag } from './columns.ts'
import { type EntryNames, valueHash } from './entry-hash.ts'
import { Intern } from './intern.ts'
import { KeyOrder } from './key-order.ts'
import type { ByteRun } from './slab.ts'
import type { ReplicaEntry } from './types.ts'

/**
 * Told of every change of an entry, once, after it. Whoever accounts for entries (tries, sketch) remembers
 * what it accounted for under the row.
 */
export interface EntryListener {
  changed(row: number): void
  /** Before the state in the row gives way to a later one. */
  replacing?(row: number): void
  /** An entry was not taken, because the state in the row is later or the same. */
  passedOver?(row: number, entry: EntryView): void
  /** Before the row is erased; its number may be used again afterwards. */
  erasing(row: number): void
}

export class EntryMap implements EntryNames {
  readonly cells: Cells
  readonly authors: Intern<NodeId>
  readonly commitKeys = new Intern<Digest>()
  readonly #order: KeyOrder
  readonly #listeners: readonly EntryListener[]
  readonly #current = blankEntry()
  readonly #run: { bytes: Uint8Array; start: number; end: number } = {
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
  }
  readonly #name: { kind: EntryKind; author: number; element: ByteRun } = {
    kind: entryKind.set,
    author: 0,
    element: this.#run,
  }
  #entryCount = 0

  constructor(options: {
    readonly self: NodeId
    /** 8 random bytes for the index. */
    readonly seed: Uint8Array
    readonly isPublic: (key: ByteRun) => boolean
    /** Made with the map itself, which they may read. */
    readonly listeners: (map: EntryMap) => readonly EntryListener[]
  }) {
    this.cells = new Cells(options.seed, options.isPublic)
    this.authors = new Intern([options.self])
    this.#order = new KeyOrder(this.cells)
    this.#listeners = options.listeners(this)
  }

  author(index: number): NodeId {
    return this.authors.nameOf(index)
  }

  commitKey(index: number): Digest {
    return this.commitKeys.nameOf(index)
  }

  /** Keys that hold something. */
  get entryCount(): number {
    return this.#entryCount
  }

  /**
   * Merges one entry, its indexes being of this map's tables. Answers the row if the entry was news, else -1. `keyRow`
   * is that of its key, or -1, for who knows it.
   */
  join(entry: EntryView, keyRow = this.cells.findKey(this.#keyRun(entry))): number {
    const row = this.#rowFor(entry, keyRow)
    if (this.cells.has(row, rowFlag.isEntry)) {
      if (!this.#isLater(entry, row)) {
        for (const listener of this.#listeners) listener.passedOver?.(row, entry)
        return -1
      }
      for (const listener of this.#listeners) listener.replacing?.(row)
      this.#settle(row)
      this.cells.log.unlink(row)
    }
    this.authors.use(entry.author)
    if (entry.kind !== entryKind.register) this.authors.use(entry.tagAuthor)
    this.commitKeys.use(entry.commitKey)
    this.cells.write(row, entry)
    this.cells.log.append(row)
    this.#countLive(row, 1)
    for (const listener of this.#listeners) listener.changed(row)
    return row
  }

  /** The order of two states of one cell: negative, zero or positive. Zero means equal. */
  compare(left: EntryView, right: EntryView): number {
    if (left.tagMs !== right.tagMs) return left.tagMs - right.tagMs
    if (left.tagCounter !== right.tagCounter) return left.tagCounter - right.tagCounter
    if (left.tagAuthor !== right.tagAuthor)
      return this.#compareAuthors(left.tagAuthor, right.tagAuthor)
    if (left.kind === entryKind.set || left.kind === entryKind.multi) {
      if (left.isRemoved !== right.isRemoved) return left.isRemoved ? 1 : -1
      if (left.ms !== right.ms) return left.ms - right.ms
      if (left.counter !== right.counter) return left.counter - right.counter
      if (left.author !== right.author) return this.#compareAuthors(left.author, right.author)
    }
    // What a sync sends again is the common case, and two hashes dearer than this look.
    if (isSameContent(left, right)) return 0
    return compareBytes(valueHash(left, this), valueHash(right, this))
  }

  /** Whether `join` would take `entry`: its cell holds nothing yet, or an earlier state. */
  isNews(entry: EntryView): boolean {
    const row = this.rowOf(entry)
    return row < 0 || !this.cells.has(row, rowFlag.isEntry) || this.#isLater(entry, row)
  }

  /** Whether the cell of `entry` holds an entry here, of whatever state. */
  holds(entry: EntryView): boolean {
    const row = this.rowOf(entry)
    return row >= 0 && this.cells.has(row, rowFlag.isEntry)
  }

  /** The row of the entry's cell, or -1. */
  rowOf(entry: EntryView): number {
    const keyRow = this.cells.findKey(this.#keyRun(entry))
    if (keyRow < 0 || entry.kind === entryKind.register) return keyRow
    return this.cells.findCell(keyRow, this.#cellName(entry))
  }

  /** Forgets the entry in `row`, as if it had never been. */
  erase(row: number): void {
    for (const listener of this.#listeners) listener.erasing(row)
    this.#settle(row)
    this.cells.log.unlink(row)
    if (this.cells.erase(row)) this.#order.removed()
  }

  /** The key row of a key, or -1. */
  find(key: string): number {
    const bytes = utf8(key)
    return this.cells.findKey({ bytes, start: 0, end: bytes.length })
  }

  get(key: string): ReplicaEntry | undefined {
    const row = this.find(key)
    return row < 0 ? undefined : this.show(row)
  }

  /** What the key of a key row holds. */
  show(keyRow: number): ReplicaEntry | undefined {
    const key = this.cells.keyText(keyRow)
    const kind = this.shownKind(keyRow)
    switch (kind) {
      case undefined:
        return undefined
      case entryKind.register:
        return { kind: 'register', key, value: this.#valueIn(keyRow) }
      case entryKind.set:
        return {
          kind: 'set',
          key,
          elements: inOrder(this.#live(keyRow, kind, row => this.#nameIn(row))),
        }
      case entryKind.multi:
        return {
          kind: 'multi',
          key,
          values: inOrder(this.#live(keyRow, kind, row => this.#valueIn(row))),
        }
      case entryKind.counter: {
        const slots = this.#live(keyRow, kind, row => slotValue(this.#valueIn(row)))
        return { kind: 'counter', key, value: slots.reduce((sum, slot) => sum + slot, 0n) }
      }
      default:
        return unreachable(kind)
    }
  }

  /** The kind of which a read shows what a key row holds; `undefined` if it holds nothing. */
  shownKind(keyRow: number): EntryKind | undefined {
    const { cells } = this
    if (cells.isLive(keyRow)) return entryKind.register
    if (cells.liveCells(keyRow) === 0) return undefined
    let shown: EntryKind | undefined
    for (let row = cells.siblingOf(keyRow); row >= 0; row = cells.siblingOf(row)) {
      if (!cells.isLive(row)) continue
      const kind = cells.kindOf(row)
      if (shown === undefined || kind < shown) shown = kind
      if (shown === entryKind.set) break
    }
    return shown
  }

  list(query: {
    readonly prefix: string
    readonly after: string | undefined
    readonly limit: number
  }): ReplicaEntry[] {
    const after = query.after === undefined ? undefined : utf8(query.after)
    const entries: ReplicaEntry[] = []
    for (const row of this.#order.from(utf8(query.prefix), after)) {
      if (entries.length >= query.limit) break
      if (!this.isHeld(row)) continue
      const entry = this.show(row)
      if (entry !== undefined) entries.push(entry)
    }
    return entries
  }

  /** Whether the key of a key row holds anything. */
  isHeld(keyRow: number): boolean {
    return this.cells.isLive(keyRow) || this.cells.liveCells(keyRow) > 0
  }

  /** Whether `entry` comes after the state in `row`, its cell. */
  #isLater(entry: EntryView, row: number): boolean {
    if (entry.kind === entryKind.register) {
      // Stamps alone decide nearly always, and reading a whole entry is dearer than its merge.
      const { ms, counter } = this.cells.columns
      const later = entry.ms - ms.at(row) || entry.counter - (counter[row] ?? 0)
      if (later !== 0) return later > 0
    }
    this.cells.read(row, this.#current)
    return this.compare(entry, this.#current) > 0
  }

  /** Takes back the uses and the liveness of the entry in `row`. */
  #settle(row: number): void {
    const { cells } = this
    const { author, commitKey } = cells.columns
    this.#countLive(row, -1)
    this.authors.release(author.at(row))
    if (cells.kindOf(row) !== entryKind.register) this.authors.release(cells.tagAuthorOf(row))
    this.commitKeys.release(commitKey.at(row))
  }

  #countLive(row: number, by: 1 | -1): void {
    if (!this.cells.isLive(row)) return
    const keyRow = this.cells.keyRowOf(row)
    const others = this.cells.liveCells(keyRow) - (row !== keyRow && by === -1 ? 1 : 0)
    if (row !== keyRow) this.cells.countLiveCell(keyRow, by)
    const isElsewhere = others > 0 || (row !== keyRow && this.cells.isLive(keyRow))
    if (!isElsewhere) this.#entryCount += by
  }

  #rowFor(entry: EntryView, knownKeyRow: number): number {
    let keyRow = knownKeyRow
    if (keyRow < 0) {
      keyRow = this.cells.createKey(this.#keyRun(entry))
      this.#order.added(keyRow)
    }
    if (entry.kind === entryKind.register) return keyRow
    const name = this.#cellName(entry)
    const cell = this.cells.findCell(keyRow, name)
    return cell >= 0 ? cell : this.cells.createCell(keyRow, name)
  }

  #keyRun(entry: EntryView): ByteRun {
    this.#run.bytes = entry.key
    this.#run.start = entry.keyStart
    this.#run.end = entry.keyEnd
    return this.#run
  }

  #cellName(entry: EntryView): CellName {
    this.#run.bytes = entry.element
    this.#run.start = entry.elementStart
    this.#run.end = entry.elementEnd
    this.#name.kind = entry.kind
    this.#name.author = entry.tagAuthor
    return this.#name
  }

  #compareAuthors(left: number, right: number): number {
    return this.author(left) < this.author(right) ? -1 : 1
  }

  /** What `read` makes of each live cell of a kind under a key: one element or value may be live under several authors. */
  #live<T>(keyRow: number, kind: EntryKind, read: (row: number) => T): T[] {
    const found: T[] = []
    for (let row = this.cells.siblingOf(keyRow); row >= 0; row = this.cells.siblingOf(row)) {
      if (this.cells.isLive(row) && this.cells.kindOf(row) === kind) found.push(read(row))
    }
    return found
  }

  #nameIn(row: number): Uint8Array {
    const { bytes, start, end } = this.cells.nameOf(row)
    return bytes.slice(start, end)
  }

  #valueIn(row: number): Uint8Array {
    this.cells.read(row, this.#current)
    const { value, valueStart, valueEnd } = this.#current
    return value.slice(valueStart, valueEnd)
  }
}

function isSameContent(left: EntryView, right: EntryView): boolean {
  const length = left.valueEnd - left.valueStart
  if (left.isRemoved !== right.isRemoved || left.commitKey !== right.commitKey) return false
  if (length !== right.valueEnd - right.valueStart) return false
  for (let i = 0; i < length; i++) {
    if (left.value[left.valueStart + i] !== right.value[right.valueStart + i]) return false
  }
  return true
}
