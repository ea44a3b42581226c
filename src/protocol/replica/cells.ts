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
import { Links } from './links.ts'
import { type RowHash, rowHash } from './row-hash.ts'
import { type ByteRun, Slab } from './slab.ts'

/** What names a cell under its key. */
export interface CellName {
  readonly kind: EntryKind
  /** Index of the author of its tag or slot. */
  readonly author: number
  /** Empty but in a set. */
  readonly element: ByteRun
}

const noOwner = -1
const noLink = -1
const tagBytes = 12
const nothing: ByteRun = { bytes: new Uint8Array(0), start: 0, end: 0 }
/** Rows per hash bucket at most, in the middle: a look costs less than the room for fewer. */
const loadMax = 1.5

export class Cells {
  readonly columns = new Columns()
  readonly log = new ChangeLog(this.columns)
  readonly #links = new Links()
  readonly #hash: RowHash
  readonly #isPublic: (key: ByteRun) => boolean
  /** Reused: the index is asked for every entry that comes. */
  readonly #keyName: { kind: EntryKind; author: number; element: ByteRun } = {
    kind: entryKind.register,
    author: 0,
    element: nothing,
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

  /** Bytes of the buffers in which names and values are. */
  get bufferBytes(): number {
    return this.#slab.capacity
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
    return row
  }

  createCell(keyRow: number, { kind, author, element }: CellName): number {
    const row = this.#create(keyRow, author, element)
    const { flags, link } = this.columns
    const visibility = (flags[keyRow] ?? 0) & rowFlag.isPublic
    flags[row] = rowFlag.isTaken | kind | visibility
    if (link[keyRow] === noLink) link[keyRow] = this.#links.take(noOwner, 0)
    const { next } = this.#links
    const [ofKey, ofCell] = [link[keyRow] ?? 0, link[row] ?? 0]
    next[ofCell] = next[ofKey] ?? -1
    next[ofKey] = row
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

  /** Whether a row in use names a key. */
  isKeyRow(row: number): boolean {
    return this.has(row, rowFlag.isTaken) && this.#ownerOf(row) === noOwner
  }

  keyRowOf(row: number): number {
    const owner = this.#ownerOf(row)
    return owner === noOwner ? row : owner
  }

  /** The first or next cell under a key, or -1. */
  siblingOf(row: number): number {
    const link = this.columns.link[row] ?? noLink
    return link === noLink ? -1 : (this.#links.next[link] ?? -1)
  }

  /** Live cells under a key, its register aside. */
  liveCells(keyRow: number): number {
    const link = this.columns.link[keyRow] ?? noLink
    return link === noLink ? 0 : (this.#links.extra[link] ?? 0)
  }

  /** A cell of the key came to life or died. */
  countLiveCell(keyRow: number, by: 1 | -1): void {
    const { extra } = this.#links
    const link = this.columns.link[keyRow] ?? noLink
    extra[link] = (extra[link] ?? 0) + by
  }

  keyText(row: number): string {
    const { bytes, start, end } = this.nameOf(this.keyRowOf(row))
    const text = fromUtf8(bytes.subarray(start, end))
    assert(text !== undefined, 'keys are UTF-8')
    return text
  }

  /** Key of a key row, element of a cell; lent until the next change. */
  nameOf(row: number): ByteRun {
    const at = this.columns.recordAt[row] ?? 0
    const start = this.#slab.offsetOf(at)
    const end = start + (this.columns.nameLength[row] ?? 0)
    return { bytes: this.#slab.bufferOf(at), start, end }
  }

  /** Points `view` at the entry in `row`; valid until the next change. */
  read(row: number, view: EntryView): void {
    const columns = this.columns
    const flags = columns.flags[row] ?? 0
    const keyRow = this.keyRowOf(row)
    const keyAt = columns.recordAt[keyRow] ?? 0
    view.kind = this.kindOf(row)
    view.isRemoved = (flags & rowFlag.isRemoved) !== 0
    view.ms = view.tagMs = columns.ms.at(row)
    view.counter = view.tagCounter = columns.counter[row] ?? 0
    view.author = view.tagAuthor = columns.author.at(row)
    view.commitKey = columns.commitKey.at(row)
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
      view.tagAuthor = this.tagAuthorOf(row)
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
    columns.ms.set(row, entry.ms)
    columns.counter[row] = entry.counter
    columns.author.set(row, entry.author)
    columns.commitKey.set(row, entry.commitKey)
    columns.sequence[row] = entry.sequence
    this.#keepValue(row, this.#contentOf(entry))
    if (this.#slab.isWasteful) this.#compact()
  }

  /** Drops the entry in `row`, and the rows that nothing needs any more. Answers whether the key row is gone. */
  erase(row: number): boolean {
    const columns = this.columns
    const keyRow = this.keyRowOf(row)
    if (row === keyRow) {
      const flags = columns.flags[row] ?? 0
      columns.flags[row] = flags & ~(rowFlag.isEntry | rowFlag.isRemoved | rowFlag.isSigned)
      this.#keepValue(row, nothing)
    } else {
      this.#unhang(keyRow, row)
      this.#release(row)
    }
    if (this.has(keyRow, rowFlag.isEntry) || this.siblingOf(keyRow) >= 0) return false
    this.#release(keyRow)
    return true
  }

  #ownerOf(row: number): number {
    const link = this.columns.link[row] ?? noLink
    return link === noLink ? noOwner : (this.#links.owner[link] ?? noOwner)
  }

  /** The author of the tag or slot of a cell. */
  tagAuthorOf(row: number): number {
    return this.#links.extra[this.columns.link[row] ?? noLink] ?? 0
  }

  #readValue(row: number, view: EntryView): void {
    const columns = this.columns
    const at = columns.recordAt[row] ?? 0
    const bytes = this.#slab.bufferOf(at)
    const start = this.#slab.offsetOf(at) + (columns.nameLength[row] ?? 0)
    let end = start + columns.valueLength.at(row)
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

  /** What is kept of a state beside its name: value or stamp of the removed tag, then the signature. */
  #contentOf(entry: EntryView): ByteRun {
    const { signature, signatureStart, value, valueStart, valueEnd } = entry
    if (signatureStart < 0 && !isRemovedTag(entry)) {
      return hasValue(entry) ? { bytes: value, start: valueStart, end: valueEnd } : nothing
    }
    let content = value.subarray(valueStart, valueEnd)
    if (isRemovedTag(entry)) {
      this.#tag.setFloat64(0, entry.tagMs)
      this.#tag.setUint32(8, entry.tagCounter)
      content = new Uint8Array(this.#tag.buffer)
    }
    const signed = signatureStart < 0 ? 0 : signatureBytes
    const bytes = concatBytes(content, signature.subarray(signatureStart, signatureStart + signed))
    return { bytes, start: 0, end: bytes.length }
  }

  #find(owner: number, { kind, author, element: name }: CellName): number {
    const { bucketNext, flags, recordAt, nameLength } = this.columns
    const bucket = this.#hash(owner, author, name) & (this.#buckets.length - 1)
    const length = name.end - name.start
    for (let row = this.#buckets[bucket] ?? -1; row >= 0; row = bucketNext[row] ?? -1) {
      if (nameLength[row] !== length || this.#ownerOf(row) !== owner) continue
      if (owner !== noOwner) {
        if (this.tagAuthorOf(row) !== author) continue
        if (((flags[row] ?? 0) & rowFlag.kind) !== kind) continue
      }
      const at = recordAt[row] ?? 0
      const buffer = this.#slab.bufferOf(at)
      const start = this.#slab.offsetOf(at)
      let i = 0
      while (i < length && buffer[start + i] === name.bytes[name.start + i]) i++
      if (i === length) return row
    }
    return -1
  }

  #create(owner: number, author: number, name: ByteRun): number {
    if (this.#taken >= this.#buckets.length * loadMax) this.#rehash()
    const row = this.#free.pop() ?? this.#rows++
    if (row === this.columns.capacity) this.columns.grow()
    const columns = this.columns
    columns.recordAt[row] = this.#slab.put(name, nothing)
    columns.nameLength[row] = name.end - name.start
    columns.valueLength.set(row, 0)
    columns.link[row] = owner === noOwner ? noLink : this.#links.take(owner, author)
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
    const owner = this.#ownerOf(row)
    const author = owner === noOwner ? 0 : this.tagAuthorOf(row)
    return this.#hash(owner, author, this.nameOf(row))
  }

  #rehash(): void {
    this.#buckets = new Int32Array(this.#buckets.length * 2).fill(-1)
    for (let row = 0; row < this.#rows; row++) {
      if (this.has(row, rowFlag.isTaken)) this.#hang(row, this.#hashOf(row))
    }
  }

  /** Takes a cell out of the list of its key. */
  #unhang(keyRow: number, cell: number): void {
    const { next } = this.#links
    const linkOf = (row: number): number => this.columns.link[row] ?? noLink
    let before = linkOf(keyRow)
    while (next[before] !== cell) before = linkOf(next[before] ?? -1)
    next[before] = next[linkOf(cell)] ?? -1
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
    this.#slab.release((columns.nameLength[row] ?? 0) + columns.valueLength.at(row))
    const link = columns.link[row] ?? noLink
    if (link !== noLink) this.#links.release(link)
    columns.flags[row] = 0
    this.#free.push(row)
    this.#taken--
  }

  #keepValue(row: number, value: ByteRun): void {
    const { recordAt, nameLength, valueLength } = this.columns
    const length = value.end - value.start
    const nameBytes = nameLength[row] ?? 0
    const old = valueLength.at(row)
    valueLength.set(row, length)
    if (length <= old) {
      if (length > 0) this.#slab.replace((recordAt[row] ?? 0) + nameBytes, value)
      this.#slab.release(old - length)
    } else {
      recordAt[row] = this.#slab.append(recordAt[row] ?? 0, nameBytes, value)
      this.#slab.release(old)
    }
  }

  #compact(): void {
    const fresh = new Slab()
    const { recordAt } = this.columns
    for (let row = 0; row < this.#rows; row++) {
      if (!this.has(row, rowFlag.isTaken)) continue
      const { bytes, start, end } = this.nameOf(row)
      const content = { bytes, start: end, end: end + this.columns.valueLength.at(row) }
      recordAt[row] = fresh.put({ bytes, start, end }, content)
    }
    this.#slab = fresh
  }
}
