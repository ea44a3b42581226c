/**
 * Where entries are kept: rows in columns, names and values in a slab, a hash index over both.
 *
 * A key has one key row, which is also the cell of its register; cells of other kinds hang from it. Knows
 * nothing of merging.
 */
import { concatBytes, fromUtf8 } from '../../base/bytes.ts'
import { assert } from '../../base/errors.ts'
import {
  type EntryKind,
  type EntryView,
  entryKind,
  hasValue,
  isRemovedTag,
  signatureBytes,
} from '../../wire/entry.ts'
import { ChangeLog } from './change-log.ts'
import { Columns, rowFlag } from './columns.ts'
import { type RowHash, rowHash } from './row-hash.ts'
import { Slab } from './slab.ts'

/** Part of an array, lent. */
export interface ByteRun {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** What names a cell under its key. */
export interface CellName {
  readonly kind: EntryKind
  /** Index of the author of its tag or slot. */
  readonly author: number
  /** Empty but in a set. */
  readonly element: ByteRun
}

const noOwner = -1
const tagBytes = 12

export class Cells {
  readonly columns = new Columns()
  readonly log = new ChangeLog(this.columns)
  readonly #hash: RowHash
  readonly #isPublic: (key: ByteRun) => boolean
  /** Reused: the index is asked for every entry that comes. */
  readonly #keyName: { kind: EntryKind; author: number; element: ByteRun } = {
    kind: entryKind.register,
    author: 0,
    element: { bytes: new Uint8Array(0), start: 0, end: 0 },
  }
  readonly #tag = new DataView(new ArrayBuffer(tagBytes))
  #slab = new Slab()
  #buckets = new Int32Array(64).fill(-1)
  #free: number[] = []
  #rows = 0
  #taken = 0

  /** `seed` is 8 random bytes for the index. */
  constructor(seed: Uint8Array, isPublic: (key: ByteRun) => boolean) {
    this.#hash = rowHash(seed)
    this.#isPublic = isPublic
  }

  /** Rows ever used: every row is below. */
  get rowCount(): number {
    return this.#rows
  }

  /** The key row of a key, or -1. */
  findKey(key: ByteRun): number {
    this.#keyName.element = key
    return this.#find(noOwner, this.#keyName)
  }

  /** The row of a cell under a key, or -1. */
  findCell(keyRow: number, name: CellName): number {
    return this.#find(keyRow, name)
  }

  /** Whether a key belongs in the public trie, held or not. */
  isPublicKey(key: Uint8Array): boolean {
    return this.#isPublic({ bytes: key, start: 0, end: key.length })
  }

  createKey(key: ByteRun): number {
    const row = this.#create(noOwner, 0, key)
    const visibility = this.#isPublic(key) ? rowFlag.isPublic : 0
    this.columns.flags[row] = rowFlag.isTaken | entryKind.register | visibility
    this.columns.sibling[row] = -1
    return row
  }

  createCell(keyRow: number, { kind, author, element }: CellName): number {
    const row = this.#create(keyRow, author, element)
    const { flags, sibling } = this.columns
    const visibility = (flags[keyRow] ?? 0) & rowFlag.isPublic
    flags[row] = rowFlag.isTaken | kind | visibility
    sibling[row] = sibling[keyRow] ?? -1
    sibling[keyRow] = row
    return row
  }

  /** Whether the key of a row is public may change with the manifest: reads it anew. Answers whether it did. */
  reclassify(row: number): boolean {
    const isPublic = this.#isPublic(this.nameOf(this.keyRowOf(row)))
    if (isPublic === this.has(row, rowFlag.isPublic)) return false
    this.columns.flags[row] = (this.columns.flags[row] ?? 0) ^ rowFlag.isPublic
    return true
  }

  has(row: number, flag: number): boolean {
    return ((this.columns.flags[row] ?? 0) & flag) !== 0
  }

  kindOf(row: number): EntryKind {
    return ((this.columns.flags[row] ?? 0) & rowFlag.kind) as EntryKind
  }

  /** Whether the row holds an entry that is not removed. */
  isLive(row: number): boolean {
    const flags = this.columns.flags[row] ?? 0
    return (flags & (rowFlag.isEntry | rowFlag.isRemoved)) === rowFlag.isEntry
  }

  keyRowOf(row: number): number {
    const owner = this.columns.owner[row] ?? noOwner
    return owner === noOwner ? row : owner
  }

  /** The first or next cell under a key, or -1. */
  siblingOf(row: number): number {
    return this.columns.sibling[row] ?? -1
  }

  keyText(row: number): string {
    const { bytes, start, end } = this.nameOf(this.keyRowOf(row))
    const text = fromUtf8(bytes.subarray(start, end))
    assert(text !== undefined, 'keys are UTF-8')
    return text
  }

  /** Key of a key row, element of a cell; lent until the next change. */
  nameOf(row: number): ByteRun {
    const at = this.columns.nameAt[row] ?? 0
    const start = this.#slab.offsetOf(at)
    const end = start + (this.columns.nameLength[row] ?? 0)
    return { bytes: this.#slab.bufferOf(at), start, end }
  }

  /** Points `view` at the entry in `row`; valid until the next change. */
  read(row: number, view: EntryView): void {
    const columns = this.columns
    const flags = columns.flags[row] ?? 0
    const keyRow = this.keyRowOf(row)
    const keyAt = columns.nameAt[keyRow] ?? 0
    view.kind = this.kindOf(row)
    view.isRemoved = (flags & rowFlag.isRemoved) !== 0
    view.ms = view.tagMs = columns.ms[row] ?? 0
    view.counter = view.tagCounter = columns.counter[row] ?? 0
    view.author = view.tagAuthor = columns.author[row] ?? 0
    view.commitKey = columns.commitKey[row] ?? 0
    view.sequence = columns.sequence[row] ?? 0
    view.key = this.#slab.bufferOf(keyAt)
    view.keyStart = this.#slab.offsetOf(keyAt)
    view.keyEnd = view.keyStart + (columns.nameLength[keyRow] ?? 0)
    view.elementStart = view.elementEnd = 0
    if (view.kind !== entryKind.register) {
      const { bytes, start, end } = this.nameOf(row)
      view.element = bytes
      view.elementStart = start
      view.elementEnd = end
      view.tagAuthor = columns.extra[row] ?? 0
    }
    this.#readValue(row, view)
  }

  /** Stores the state of `entry` in `row`. The caller keeps name uses, log and liveness. */
  write(row: number, entry: EntryView): void {
    const columns = this.columns
    const isSigned = entry.signatureStart >= 0
    const kept = (columns.flags[row] ?? 0) & ~(rowFlag.isRemoved | rowFlag.isSigned)
    const states = (entry.isRemoved ? rowFlag.isRemoved : 0) | (isSigned ? rowFlag.isSigned : 0)
    columns.flags[row] = kept | rowFlag.isEntry | states
    columns.ms[row] = entry.ms
    columns.counter[row] = entry.counter
    columns.author[row] = entry.author
    columns.commitKey[row] = entry.commitKey
    columns.sequence[row] = entry.sequence
    if (isSigned || isRemovedTag(entry)) {
      const kept = this.#withSignature(entry)
      this.#keepValue(row, kept, 0, kept.length)
    } else if (hasValue(entry)) {
      this.#keepValue(row, entry.value, entry.valueStart, entry.valueEnd)
    } else {
      this.#keepValue(row, entry.value, 0, 0)
    }
    if (this.#slab.isWasteful) this.#compact()
  }

  /** Drops the entry in `row`, and the rows that nothing needs any more. Answers whether the key row is gone. */
  erase(row: number): boolean {
    const columns = this.columns
    const keyRow = this.keyRowOf(row)
    if (row === keyRow) {
      const flags = columns.flags[row] ?? 0
      columns.flags[row] = flags & ~(rowFlag.isEntry | rowFlag.isRemoved | rowFlag.isSigned)
      this.#keepValue(row, new Uint8Array(0), 0, 0)
    } else {
      this.#unhang(keyRow, row)
      this.#release(row)
    }
    if (this.has(keyRow, rowFlag.isEntry) || this.siblingOf(keyRow) >= 0) return false
    this.#release(keyRow)
    return true
  }

  #readValue(row: number, view: EntryView): void {
    const columns = this.columns
    const at = columns.valueAt[row] ?? 0
    const bytes = this.#slab.bufferOf(at)
    const start = this.#slab.offsetOf(at)
    let end = start + (columns.valueLength[row] ?? 0)
    view.signatureStart = -1
    if (this.has(row, rowFlag.isSigned)) {
      end -= signatureBytes
      view.signature = bytes
      view.signatureStart = end
    }
    view.value = bytes
    view.valueStart = view.valueEnd = 0
    if (isRemovedTag(view)) {
      const tag = new DataView(bytes.buffer, bytes.byteOffset + start, tagBytes)
      view.tagMs = tag.getFloat64(0)
      view.tagCounter = tag.getUint32(8)
    } else if (hasValue(view)) {
      view.valueStart = start
      view.valueEnd = end
    }
  }

  /** What is kept of a state that is signed or removes a tag: value or stamp of the tag, then the signature. */
  #withSignature(entry: EntryView): Uint8Array {
    let content = entry.value.subarray(entry.valueStart, entry.valueEnd)
    if (isRemovedTag(entry)) {
      this.#tag.setFloat64(0, entry.tagMs)
      this.#tag.setUint32(8, entry.tagCounter)
      content = new Uint8Array(this.#tag.buffer)
    }
    const { signature, signatureStart } = entry
    if (signatureStart < 0) return content
    return concatBytes(content, signature.subarray(signatureStart, signatureStart + signatureBytes))
  }

  #find(owner: number, { kind, author, element: name }: CellName): number {
    const { bucketNext, owner: owners, extra, flags, nameAt, nameLength } = this.columns
    const bucket = this.#hash(owner, author, name) & (this.#buckets.length - 1)
    const length = name.end - name.start
    for (let row = this.#buckets[bucket] ?? -1; row >= 0; row = bucketNext[row] ?? -1) {
      if (nameLength[row] !== length || owners[row] !== owner) continue
      if (owner !== noOwner) {
        if (extra[row] !== author || ((flags[row] ?? 0) & rowFlag.kind) !== kind) continue
      }
      const at = nameAt[row] ?? 0
      const buffer = this.#slab.bufferOf(at)
      const start = this.#slab.offsetOf(at)
      let i = 0
      while (i < length && buffer[start + i] === name.bytes[name.start + i]) i++
      if (i === length) return row
    }
    return -1
  }

  #create(owner: number, author: number, name: ByteRun): number {
    if (this.#taken * 4 >= this.#buckets.length * 3) this.#rehash()
    const row = this.#free.pop() ?? this.#rows++
    if (row === this.columns.capacity) this.columns.grow()
    const columns = this.columns
    columns.nameAt[row] = this.#slab.put(name.bytes, name.start, name.end)
    columns.nameLength[row] = name.end - name.start
    columns.owner[row] = owner
    columns.extra[row] = author
    columns.valueLength[row] = 0
    this.#taken++
    this.#hang(row, this.#hash(owner, author, name))
    return row
  }

  #hang(row: number, hash: number): void {
    const bucket = hash & (this.#buckets.length - 1)
    this.columns.bucketNext[row] = this.#buckets[bucket] ?? -1
    this.#buckets[bucket] = row
  }

  #hashOf(row: number): number {
    const owner = this.columns.owner[row] ?? noOwner
    const author = owner === noOwner ? 0 : (this.columns.extra[row] ?? 0)
    return this.#hash(owner, author, this.nameOf(row))
  }

  #rehash(): void {
    this.#buckets = new Int32Array(this.#buckets.length * 2).fill(-1)
    for (let row = 0; row < this.#rows; row++) {
      if (this.has(row, rowFlag.isTaken)) this.#hang(row, this.#hashOf(row))
    }
  }

  #unhang(keyRow: number, cell: number): void {
    const { sibling } = this.columns
    let before = keyRow
    while (sibling[before] !== cell) before = sibling[before] ?? -1
    sibling[before] = sibling[cell] ?? -1
  }

  #release(row: number): void {
    const columns = this.columns
    const bucket = this.#hashOf(row) & (this.#buckets.length - 1)
    if (this.#buckets[bucket] === row) {
      this.#buckets[bucket] = columns.bucketNext[row] ?? -1
    } else {
      let before = this.#buckets[bucket] ?? -1
      while (columns.bucketNext[before] !== row) before = columns.bucketNext[before] ?? -1
      columns.bucketNext[before] = columns.bucketNext[row] ?? -1
    }
    this.#slab.release((columns.nameLength[row] ?? 0) + (columns.valueLength[row] ?? 0))
    columns.flags[row] = 0
    this.#free.push(row)
    this.#taken--
  }

  #keepValue(row: number, source: Uint8Array, start: number, end: number): void {
    const { valueAt, valueLength } = this.columns
    const length = end - start
    const old = valueLength[row] ?? 0
    if (old === length) {
      if (length > 0) this.#slab.replace(valueAt[row] ?? 0, source, start, length)
      return
    }
    if (old > 0) this.#slab.release(old)
    valueLength[row] = length
    valueAt[row] = length > 0 ? this.#slab.put(source, start, end) : 0
  }

  #compact(): void {
    const fresh = new Slab()
    const { nameAt, nameLength, valueAt, valueLength } = this.columns
    const moved = (address: number, length: number): number => {
      const start = this.#slab.offsetOf(address)
      return fresh.put(this.#slab.bufferOf(address), start, start + length)
    }
    for (let row = 0; row < this.#rows; row++) {
      if (!this.has(row, rowFlag.isTaken)) continue
      nameAt[row] = moved(nameAt[row] ?? 0, nameLength[row] ?? 0)
      const length = valueLength[row] ?? 0
      if (length > 0) valueAt[row] = moved(valueAt[row] ?? 0, length)
    }
    this.#slab = fresh
  }
}
