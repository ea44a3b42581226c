/**
 * A batch of deltas, as the envelope of a gossip message carries it: one seal and one signature for all.
 * Final. Packed, canonical: re-encoding what was read gives the same bytes.
 *
 *     form        1 byte: 1, or 2 if an earlier batch of the author names the commit key
 *     commit key  the id of the key that salts the leaves of all entries, 32 bytes; in form 2 how many batches before
 *                 this one named it so, the latest that did
 *     base        ms of the first stamp
 *     count       1..`limits.batchEntriesMax`
 *     entries     tag; ms since the stamp before, but in the first; counter (less the one before, less 1, in the
 *                 same ms); the rest as in `entry.ts`. Stamps rise strictly; their author is the author of the batch
 *     authors     32 bytes each: of removed tags, in order of first use, numbered from 1; 0 is the author
 */
import { PeerFault } from '../base/errors.ts'
import {
  blankEntry,
  counterMax,
  EntryReader,
  type EntryView,
  EntryWriter,
  stampMsMax,
} from './entry.ts'
import { limits } from './limits.ts'
import { idBytes, PackedReader, PackedWriter, readIds } from './packed.ts'

const forms = { full: 1, short: 2 } as const

/** Room that the header and one more author need beside the entries. */
const slackBytes = 128

/** Encodes batches one after another. */
export class BatchWriter {
  readonly #entries = new PackedWriter()
  readonly #whole = new PackedWriter()
  readonly #writer = new EntryWriter()
  readonly #authors = new Map<number, number>()
  #count = 0
  #baseMs = 0
  #lastMs = 0
  #lastCounter = 0

  get count(): number {
    return this.#count
  }

  /**
   * Adds an entry whose stamp is later than those before; answers `false`, and adds nothing, if the batch
   * is full. Authors are indexes of the caller's table; `self` is its index of the author of the batch.
   */
  add(entry: EntryView, self: number): boolean {
    if (this.#count === limits.batchEntriesMax) return false
    const start = this.#entries.length
    const authorsBefore = this.#authors.size
    if (this.#count === 0) {
      this.#baseMs = this.#lastMs = entry.ms
      this.#lastCounter = -1
    }
    const [lastMs, lastCounter] = [this.#lastMs, this.#lastCounter]
    this.#writer.tag(this.#entries, entry)
    if (this.#count > 0) this.#entries.uint(entry.ms - lastMs)
    this.#entries.uint(entry.ms === lastMs ? entry.counter - lastCounter - 1 : entry.counter)
    this.#writer.rest(this.#entries, entry, this.#tagAuthor(entry, self))
    const size = this.#entries.length + this.#authors.size * idBytes + slackBytes
    if (size > limits.batchBytesMax && this.#count > 0) {
      this.#entries.rewind(start)
      if (this.#authors.size > authorsBefore) this.#authors.delete(entry.tagAuthor)
      return false
    }
    this.#lastMs = entry.ms
    this.#lastCounter = entry.counter
    this.#count++
    return true
  }

  /**
   * The bytes of the batch, freshly allocated; the writer is empty again. `commitKey` is an id of 32 bytes, or how many
   * batches before this one named it. `keyOf` gives the 32 bytes of an author.
   */
  finish(commitKey: Uint8Array | number, keyOf: (author: number) => Uint8Array): Uint8Array {
    const whole = this.#whole
    whole.reset()
    if (typeof commitKey === 'number') {
      whole.byte(forms.short)
      whole.uint(commitKey)
    } else {
      whole.byte(forms.full)
      whole.run(commitKey, 0, idBytes)
    }
    whole.uint(this.#baseMs)
    whole.uint(this.#count)
    whole.run(this.#entries.view(), 0, this.#entries.length)
    for (const author of this.#authors.keys()) whole.run(keyOf(author), 0, idBytes)
    this.#entries.reset()
    this.#writer.reset()
    this.#authors.clear()
    this.#count = 0
    return whole.copy()
  }

  #tagAuthor(entry: EntryView, self: number): number {
    if (!entry.isRemoved || entry.tagAuthor === self) return 0
    const known = this.#authors.get(entry.tagAuthor)
    if (known !== undefined) return known
    this.#authors.set(entry.tagAuthor, this.#authors.size + 1)
    return this.#authors.size
  }
}

/** A batch that was parsed from end to end: nothing in it can fail any more. */
export interface Batch {
  /** Id of the commit key, 32 bytes, lent; or how many batches of the author before this one named it. */
  readonly commitKey: Uint8Array | number
  readonly count: number
  /** Some entries carry signatures, which nobody has verified yet. */
  readonly hasSigned: boolean
  /** Public keys of the authors of removed tags, 32 bytes each, lent; entry index 1 is the first. */
  readonly tagAuthors: readonly Uint8Array[]
  /** Calls `visit` for each entry in order. `author`, `commitKey` and `sequence` of the view are 0. */
  forEach(visit: (entry: EntryView) => void): void
}

/**
 * Parses a batch strictly and wholly before anything is done with it.
 *
 * @throws {PeerFault} `BATCH_TOO_LARGE`, `UNKNOWN_VERSION`, `BAD_BATCH`, `BAD_ENTRY`, `PACKED_…`.
 */
export function parseBatch(bytes: Uint8Array): Batch {
  if (bytes.length > limits.batchBytesMax) {
    throw new PeerFault('BATCH_TOO_LARGE', `more than ${limits.batchBytesMax} bytes`)
  }
  const source = new PackedReader(bytes)
  const commitKey = readCommitKey(source)
  const baseMs = source.uintUpTo(stampMsMax)
  const count = source.uintUpTo(limits.batchEntriesMax)
  if (count === 0) throw new PeerFault('BAD_BATCH', 'a batch holds something')
  const entries = new EntriesOfBatch(source, { baseMs, count })
  let hasSigned = false
  const authorsUsed = entries.read(entry => {
    if (entry.signatureStart >= 0) hasSigned = true
  })
  const tagAuthors = readIds(source, authorsUsed)
  source.end()
  return { commitKey, count, hasSigned, tagAuthors, forEach: visit => void entries.read(visit) }
}

function readCommitKey(source: PackedReader): Uint8Array | number {
  const form = source.byte()
  if (form === forms.full) {
    const start = source.run(idBytes)
    return source.bytes.subarray(start, start + idBytes)
  }
  if (form !== forms.short) throw new PeerFault('UNKNOWN_VERSION', 'batch: only forms 1 and 2')
  const before = source.uintUpTo(limits.batchesPerNamingMax)
  if (before === 0) throw new PeerFault('BAD_BATCH', 'a batch names no key by itself')
  return before
}

/** Reads the entries of one batch, as often as asked, by one reader: most batches are too small to make several. */
class EntriesOfBatch {
  readonly #source: PackedReader
  readonly #start: number
  readonly #baseMs: number
  readonly #count: number
  readonly #reader = new EntryReader()
  readonly #entry = blankEntry()

  /** `source` stands before the first entry. */
  constructor(source: PackedReader, header: { readonly baseMs: number; readonly count: number }) {
    this.#source = source
    this.#start = source.at
    this.#baseMs = header.baseMs
    this.#count = header.count
  }

  /** Answers how many authors of removed tags the entries name. */
  read(visit: (entry: EntryView) => void): number {
    const source = this.#source
    const reader = this.#reader
    const entry = this.#entry
    source.at = this.#start
    reader.reset()
    entry.ms = this.#baseMs
    entry.counter = -1
    let authorsUsed = 0
    for (let i = 0; i < this.#count; i++) {
      reader.tag(source, entry)
      const sinceLast = i === 0 ? 0 : source.uintUpTo(stampMsMax - entry.ms)
      const counter = source.uintUpTo(counterMax)
      entry.counter = sinceLast === 0 ? entry.counter + 1 + counter : counter
      if (entry.counter > counterMax) throw new PeerFault('BAD_BATCH', 'a counter beyond 32 bits')
      entry.ms += sinceLast
      entry.author = entry.commitKey = entry.sequence = 0
      reader.rest(source, entry, authorsUsed + 1)
      if (entry.tagAuthor > authorsUsed) authorsUsed = entry.tagAuthor
      visit(entry)
    }
    return authorsUsed
  }
}
