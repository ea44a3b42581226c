/**
 * Anti-entropy: one page of entries per question. Final; new optional fields may join from key 64 on.
 *
 * A replica keeps its entries in the order in which they last changed there, numbered. Who asks names the
 * number up to which it has merged them (the cursor) and gets what changed since; from 0 that is a snapshot.
 */
import { PeerFault } from '../base/errors.ts'
import {
  blankEntry,
  counterMax,
  EntryReader,
  type EntryView,
  EntryWriter,
  sequenceMax,
  stampMsMax,
} from './entry.ts'
import { limits } from './limits.ts'
import { idBytes, PackedReader, PackedWriter, readIds } from './packed.ts'
import {
  byteString,
  type Extended,
  fixedBytes,
  flag,
  list,
  message,
  nullable,
  row,
  uint,
} from './schema.ts'

/**
 * How far a replica has merged one author's batches without gap. All marks together are its version vector:
 * a state out of a batch within them is held, superseded, or pruned after its removal.
 */
export interface SyncMark {
  /** Identity key, 32 bytes. */
  readonly author: Uint8Array
  readonly mark: number
}

export interface SyncRequest {
  /** The change log that the cursor counts in; `null` with cursor 0. */
  readonly log: Uint8Array | null
  readonly cursor: number
  /** Entries out of these batches need not be sent. Empty if the asker wants every entry listed. */
  readonly marks: readonly SyncMark[]
}

export interface SyncAnswer {
  /** Names the answerer's change log: 16 random bytes drawn at boot. */
  readonly log: Uint8Array
  /** Where the next question starts. */
  readonly next: number
  /** Whether this page reaches the end of the log: the cut. */
  readonly isLast: boolean
  /** On the last page: the answerer's marks at the cut, its own sequence first. Else empty. */
  readonly marks: readonly SyncMark[]
  /** Group clock of the answerer, ms. */
  readonly groupClock: number
  /** Below it the answerer has pruned tombstones, ms. */
  readonly floor: number
  /** Group time of the answerer's last full sync from the asker, or of its boot if that is later. */
  readonly syncedAt: number
  /** `SyncPageWriter` wrote it. */
  readonly page: Uint8Array
}

/** What the authors on one platform instance hold: entries, and their weight as quotas count it. */
export interface InstanceUsage {
  readonly entries: number
  readonly bytes: number
}

const syncBytesMax = 200 * 1024
const marksField = list(
  row<SyncMark>({ author: fixedBytes(idBytes), mark: uint(sequenceMax) }),
  limits.syncMarksMax,
)

export const syncRequestCodec = message<SyncRequest>(
  'sync-request',
  1,
  {
    log: [1, nullable(fixedBytes(16))],
    cursor: [2, uint()],
    marks: [3, marksField],
  },
  { bytesMax: 32 * 1024 },
)

export const syncAnswerCodec = message<SyncAnswer>(
  'sync-answer',
  1,
  {
    log: [1, fixedBytes(16)],
    next: [2, uint()],
    isLast: [3, flag],
    marks: [4, marksField],
    groupClock: [5, uint(stampMsMax)],
    floor: [6, uint(stampMsMax)],
    syncedAt: [7, uint(stampMsMax)],
    page: [8, byteString(1, limits.syncPageBytesMax)],
  },
  { bytesMax: syncBytesMax },
)

/** Key of the optional field of an answer's last page: what the asker's instance holds beside the asker. */
const usageKey = 64
const usageField = row<InstanceUsage>({ entries: uint(2 ** 40), bytes: uint(2 ** 50) })

/** The extensions of an answer that tells the asker what its instance holds beside it. */
export function usageExtension(usage: InstanceUsage): NonNullable<Extended['extensions']> {
  return new Map([[usageKey, usageField.write(usage)]])
}

/** What an answer tells of the asker's instance; `undefined` if nothing. @throws {PeerFault} for nonsense. */
export function toldUsage({ extensions }: Extended): InstanceUsage | undefined {
  const value = extensions?.get(usageKey)
  return value === undefined ? undefined : usageField.read(value)
}

/** Fewest bytes of an entry in a page: bounds their number before any is read. */
const entryBytesMin = 8

/**
 * Writes the entries of a page: count; for each its tag, author index, commit key index, ms less those of
 * the entry before (zigzag), counter, sequence, and the rest as in `entry.ts`; then the authors and the commit keys,
 * 32 bytes each, in order of first use.
 */
export class SyncPageWriter {
  readonly #entries = new PackedWriter()
  readonly #writer = new EntryWriter()
  readonly #authors = new Map<number, number>()
  readonly #commitKeys = new Map<number, number>()
  #count = 0
  #lastMs = 0
  #known = { authors: 0, commitKeys: 0 }

  /** Starts the tables with what the reader knows already; before the first entry. */
  know(table: {
    readonly authors: readonly number[]
    readonly commitKeys: readonly number[]
  }): void {
    for (const author of table.authors) indexIn(this.#authors, author)
    for (const commitKey of table.commitKeys) indexIn(this.#commitKeys, commitKey)
    this.#known = { authors: this.#authors.size, commitKeys: this.#commitKeys.size }
  }

  /** The commit keys used so far, in order of first use. */
  get commitKeys(): readonly number[] {
    return [...this.#commitKeys.keys()]
  }

  /** Adds an entry, its indexes being of the caller's tables. `false`: the page is full, the entry is not in it. */
  add(entry: EntryView): boolean {
    const out = this.#entries
    const lengthBefore = out.length
    const authorsBefore = this.#authors.size
    const commitKeysBefore = this.#commitKeys.size
    this.#writer.tag(out, entry)
    out.uint(indexIn(this.#authors, entry.author))
    out.uint(indexIn(this.#commitKeys, entry.commitKey))
    out.int(entry.ms - this.#lastMs)
    out.uint(entry.counter)
    out.uint(entry.sequence)
    const hasTag = entry.isRemoved && entry.tagAuthor !== entry.author
    this.#writer.rest(out, entry, indexIn(this.#authors, hasTag ? entry.tagAuthor : entry.author))
    const ids = (this.#authors.size + this.#commitKeys.size) * idBytes
    if (out.length + ids + 8 > limits.syncPageBytesMax) {
      out.rewind(lengthBefore)
      shrink(this.#authors, authorsBefore)
      shrink(this.#commitKeys, commitKeysBefore)
      return false
    }
    this.#lastMs = entry.ms
    this.#count++
    return true
  }

  /** The bytes of the page, freshly allocated; the writer is empty again. */
  finish(
    authorOf: (author: number) => Uint8Array,
    commitKeyOf: (commitKey: number) => Uint8Array,
  ): Uint8Array {
    const whole = new PackedWriter()
    whole.uint(this.#count)
    whole.run(this.#entries.view(), 0, this.#entries.length)
    const authors = [...this.#authors.keys()].slice(this.#known.authors)
    const commitKeys = [...this.#commitKeys.keys()].slice(this.#known.commitKeys)
    for (const author of authors) whole.run(authorOf(author), 0, idBytes)
    for (const key of commitKeys) whole.run(commitKeyOf(key), 0, idBytes)
    this.#known = { authors: 0, commitKeys: 0 }
    this.#entries.reset()
    this.#writer.reset()
    this.#authors.clear()
    this.#commitKeys.clear()
    this.#count = this.#lastMs = 0
    return whole.copy()
  }
}

/** A page that was parsed from end to end: nothing in it can fail any more. */
export interface SyncPage {
  readonly count: number
  /** Some entries carry signatures, which nobody has verified yet. */
  readonly hasSigned: boolean
  /** Identity keys and ids of commit keys, 32 bytes each, lent: what the views' indexes mean. */
  readonly authors: readonly Uint8Array[]
  readonly commitKeys: readonly Uint8Array[]
  forEach(visit: (entry: EntryView) => void): void
}

/** Ids that both sides of an exchange know: the first of a page's tables, which do not travel with it. */
export interface KnownIds {
  readonly authors: readonly Uint8Array[]
  readonly commitKeys: readonly Uint8Array[]
}

const nothingKnown: KnownIds = { authors: [], commitKeys: [] }

/** Parses a page strictly and wholly. @throws {PeerFault} `BAD_ENTRY`, `PACKED_…`. */
export function parseSyncPage(bytes: Uint8Array, known = nothingKnown): SyncPage {
  const source = new PackedReader(bytes)
  const count = source.uintUpTo(Math.floor(bytes.length / entryBytesMin))
  const start = source.at
  let hasSigned = false
  const sizes = { authors: known.authors.length, commitKeys: known.commitKeys.length }
  const used = readEntries({ source, count, sizes }, entry => {
    if (entry.signatureStart >= 0) hasSigned = true
  })
  const authors = [...known.authors, ...readIds(source, used.authors - sizes.authors)]
  const commitKeys = [...known.commitKeys, ...readIds(source, used.commitKeys - sizes.commitKeys)]
  source.end()
  return {
    count,
    hasSigned,
    authors,
    commitKeys,
    forEach: visit => {
      readEntries({ source: new PackedReader(bytes, start), count, sizes }, visit)
    },
  }
}

interface TableSizes {
  readonly authors: number
  readonly commitKeys: number
}

function readEntries(
  page: { readonly source: PackedReader; readonly count: number; readonly sizes: TableSizes },
  visit: (entry: EntryView) => void,
): TableSizes {
  const { source, count } = page
  const reader = new EntryReader()
  const entry = blankEntry()
  let [authors, commitKeys, lastMs] = [page.sizes.authors, page.sizes.commitKeys, 0]
  for (let i = 0; i < count; i++) {
    reader.tag(source, entry)
    entry.author = source.uintUpTo(authors)
    if (entry.author === authors) authors++
    entry.commitKey = source.uintUpTo(commitKeys)
    if (entry.commitKey === commitKeys) commitKeys++
    entry.ms = lastMs + source.int()
    if (entry.ms < 0 || entry.ms > stampMsMax) throw new PeerFault('BAD_ENTRY', 'no such time')
    lastMs = entry.ms
    entry.counter = source.uintUpTo(counterMax)
    entry.sequence = source.uintUpTo(sequenceMax)
    if (entry.sequence === 0) throw new PeerFault('BAD_ENTRY', 'an entry was in no batch')
    reader.rest(source, entry, authors)
    if (entry.tagAuthor === authors) authors++
    visit(entry)
  }
  return { authors, commitKeys }
}

function indexIn(table: Map<number, number>, id: number): number {
  const known = table.get(id)
  if (known !== undefined) return known
  table.set(id, table.size)
  return table.size - 1
}

function shrink(table: Map<number, number>, size: number): void {
  for (const [id, index] of table) if (index >= size) table.delete(id)
}
