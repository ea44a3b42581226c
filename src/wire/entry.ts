/**
 * One entry of the replicated map as it travels, in batches and in sync pages alike. Final.
 *
 * An entry is the state of one cell: a small state, not an operation, so a delta and a state are the same
 * thing and one join merges both. A cell is named by kind and key, in every kind but the register by the
 * author of its tag or slot besides, and in a set by the element. Spec: docs/spec/replica.md.
 *
 *     tag      1 byte: kind (bits 0-2), removed (3), signed (4); the rest zero
 *     origin   differs: see `batch.ts` and `sync.ts`
 *     key      bytes shared with the key before (but in the first entry), count of further bytes, those bytes
 *     element  length, bytes                                            in a set
 *     tag      author index, ms before the removal, counter             removed, but for a register
 *     value    length, bytes                                            not removed, but for a set
 *     signature 64 bytes                                                signed
 */
import { fromUtf8, utf8 } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { limits } from './limits.ts'
import type { PackedReader, PackedWriter } from './packed.ts'

/** Kinds of cells. Numbers are never used again. */
export const entryKind = { register: 1, set: 2, multi: 3, counter: 4 } as const

export type EntryKind = (typeof entryKind)[keyof typeof entryKind]

const kindMax = entryKind.counter

const removedBit = 0x08
const signedBit = 0x10
const knownBits = 0x1f

/** Bytes of an Ed25519 signature. */
export const signatureBytes = 64
/** A slot of a counter: what its author added in all, less what it took away; a signed big-endian number. */
export const slotBytes = 8
/** Counters of stamps are below 2^32, so that they fit a typed array. */
export const counterMax = 0xffffffff
/** Sequences of batches are below 2^32 as well: at a thousand batches a second, 49 days of one boot. */
export const sequenceMax = 0xffffffff
/** Group clock milliseconds are below 2^48 (year 10889). */
export const stampMsMax = 2 ** 48 - 1

/**
 * An entry read in place: numbers and places in byte arrays, so that nothing is allocated per entry. Valid
 * until its reader or the map it came from moves on.
 */
export interface EntryView {
  kind: EntryKind
  /** A deleted register, or a removed tag of a set or of a multi-value register. Never a slot of a counter. */
  isRemoved: boolean
  /** The stamp of the write that made this state; `author` indexes the table of the message or the map. */
  ms: number
  counter: number
  author: number
  /** Indexes the table of the message or the map. */
  commitKey: number
  /** The batch of the author that brought this state first: with `author` its name (dot). 0 if not batched yet. */
  sequence: number
  /** In all but a register: the stamp of the tag, equal to the stamp unless removed. Its author names the cell. */
  tagMs: number
  tagCounter: number
  tagAuthor: number
  key: Uint8Array
  keyStart: number
  keyEnd: number
  element: Uint8Array
  elementStart: number
  elementEnd: number
  value: Uint8Array
  valueStart: number
  valueEnd: number
  signature: Uint8Array
  /** Where 64 bytes of signature start, or -1. */
  signatureStart: number
}

const none = new Uint8Array(0)

/** A view to be filled; one per reader is enough. */
export function blankEntry(): EntryView {
  return {
    kind: entryKind.register,
    isRemoved: false,
    ms: 0,
    counter: 0,
    author: 0,
    commitKey: 0,
    sequence: 0,
    tagMs: 0,
    tagCounter: 0,
    tagAuthor: 0,
    key: none,
    keyStart: 0,
    keyEnd: 0,
    element: none,
    elementStart: 0,
    elementEnd: 0,
    value: none,
    valueStart: 0,
    valueEnd: 0,
    signature: none,
    signatureStart: -1,
  }
}

/** Writes what follows the origin. Keeps the last key to share its beginning. */
export class EntryWriter {
  readonly #lastKey = new Uint8Array(limits.stateKeyBytesMax)
  #lastLength = 0

  reset(): void {
    this.#lastLength = 0
  }

  tag(out: PackedWriter, entry: EntryView): void {
    const flags = (entry.isRemoved ? removedBit : 0) | (entry.signatureStart >= 0 ? signedBit : 0)
    out.byte(entry.kind | flags)
  }

  rest(out: PackedWriter, entry: EntryView, tagAuthor: number): void {
    this.#key(out, entry)
    if (entry.kind === entryKind.set) {
      out.uint(entry.elementEnd - entry.elementStart)
      out.run(entry.element, entry.elementStart, entry.elementEnd)
    }
    if (isRemovedTag(entry)) {
      out.uint(tagAuthor)
      out.uint(entry.ms - entry.tagMs)
      out.uint(entry.tagCounter)
    }
    if (hasValue(entry)) {
      out.uint(entry.valueEnd - entry.valueStart)
      out.run(entry.value, entry.valueStart, entry.valueEnd)
    }
    const signature = entry.signatureStart
    if (signature >= 0) out.run(entry.signature, signature, signature + signatureBytes)
  }

  #key(out: PackedWriter, entry: EntryView): void {
    const { key, keyStart } = entry
    const length = entry.keyEnd - keyStart
    const shareable = Math.min(length, this.#lastLength)
    let shared = 0
    while (shared < shareable && key[keyStart + shared] === this.#lastKey[shared]) shared++
    if (this.#lastLength > 0) out.uint(shared)
    out.uint(length - shared)
    out.run(key, keyStart + shared, entry.keyEnd)
    for (let i = shared; i < length; i++) this.#lastKey[i] = key[keyStart + i] ?? 0
    this.#lastLength = length
  }
}

/** Room for the keys of nearly all messages; V8 keeps so small an array in its own heap, and makes it in no time. */
const keyCapacityAtFirst = 64

/** Reads what follows the origin into a view. Throws `PeerFault` `BAD_ENTRY` or `PACKED_…`. */
export class EntryReader {
  #key = new Uint8Array(keyCapacityAtFirst)
  #keyLength = 0
  #isAscii = true

  /** The next entry is the first again. */
  reset(): void {
    this.#keyLength = 0
    this.#isAscii = true
  }

  tag(source: PackedReader, entry: EntryView): void {
    const tag = source.byte()
    const kind = tag & 0x07
    if ((tag & ~knownBits) !== 0) throw bad('unknown flags')
    if (kind === 0 || kind > kindMax) throw bad('an unknown kind')
    entry.kind = kind as EntryKind
    entry.isRemoved = (tag & removedBit) !== 0
    if (entry.isRemoved && kind === entryKind.counter) throw bad('a slot of a counter stays')
    entry.signatureStart = (tag & signedBit) !== 0 ? 0 : -1
  }

  /** `authorsMax` bounds the index of a removed tag's author. */
  rest(source: PackedReader, entry: EntryView, authorsMax: number): void {
    this.#readKey(source)
    entry.key = this.#key
    entry.keyStart = 0
    entry.keyEnd = this.#keyLength
    entry.elementStart = entry.elementEnd = entry.valueStart = entry.valueEnd = 0
    entry.tagMs = entry.ms
    entry.tagCounter = entry.counter
    entry.tagAuthor = entry.author
    if (entry.kind === entryKind.set) {
      const length = source.uintUpTo(limits.stateElementBytesMax)
      entry.element = source.bytes
      entry.elementStart = source.run(length)
      entry.elementEnd = entry.elementStart + length
    }
    if (isRemovedTag(entry)) this.#removedTag(source, entry, authorsMax)
    if (hasValue(entry)) {
      const length = source.uintUpTo(limits.stateValueBytesMax)
      if (entry.kind === entryKind.counter && length !== slotBytes) throw bad('no slot')
      entry.value = source.bytes
      entry.valueStart = source.run(length)
      entry.valueEnd = entry.valueStart + length
    }
    if (mustBeSigned(entry) !== entry.signatureStart >= 0) {
      throw bad('slots of counters and entries under own/ are signed, and no others')
    }
    if (entry.signatureStart >= 0) {
      entry.signature = source.bytes
      entry.signatureStart = source.run(signatureBytes)
    }
  }

  #removedTag(source: PackedReader, entry: EntryView, authorsMax: number): void {
    entry.tagAuthor = source.uintUpTo(authorsMax)
    entry.tagMs = entry.ms - source.uintUpTo(entry.ms)
    entry.tagCounter = source.uintUpTo(counterMax)
    // Who removes has seen the tag, and a hybrid logical clock stamps later than all it has seen.
    const isLater = entry.tagMs < entry.ms || entry.tagCounter < entry.counter
    if (!isLater) throw bad('a tag is removed before it was made')
  }

  #readKey(source: PackedReader): void {
    const shared = this.#keyLength > 0 ? source.uintUpTo(this.#keyLength) : 0
    const more = source.uintUpTo(limits.stateKeyBytesMax - shared)
    const { bytes } = source
    const start = source.run(more)
    if (shared + more === 0) throw bad('an empty key')
    if (more > 0 && shared < this.#keyLength && bytes[start] === this.#key[shared]) {
      throw new PeerFault('PACKED_NOT_CANONICAL', 'a key shares more than it says')
    }
    if (shared + more > this.#key.length) this.#reserve()
    let high = 0
    for (let i = 0; i < more; i++) {
      const byte = bytes[start + i] ?? 0
      high |= byte
      this.#key[shared + i] = byte
    }
    this.#keyLength = shared + more
    // A cut inside a character of the key before is possible only if that key was not ASCII.
    if (high < 0x80 && this.#isAscii) return
    if (fromUtf8(this.#key.subarray(0, this.#keyLength)) === undefined) {
      throw bad('a key is not UTF-8')
    }
    this.#isAscii = false
  }

  #reserve(): void {
    const key = new Uint8Array(limits.stateKeyBytesMax)
    key.set(this.#key)
    this.#key = key
  }
}

const ownPrefix = utf8('own/')

/** Whether a key is under `own/`, where only the node that it names may write. */
export function isOwnKey(entry: Pick<EntryView, 'key' | 'keyStart' | 'keyEnd'>): boolean {
  if (entry.keyEnd - entry.keyStart < ownPrefix.length) return false
  for (let i = 0; i < ownPrefix.length; i++) {
    if (entry.key[entry.keyStart + i] !== ownPrefix[i]) return false
  }
  return true
}

/** Whether a state is its author's alone, and carries its signature wherever it goes. */
export function mustBeSigned(entry: EntryView): boolean {
  return entry.kind === entryKind.counter || isOwnKey(entry)
}

/** Whether a state is the removal of a tag, which it then names. */
export function isRemovedTag(entry: EntryView): boolean {
  return entry.isRemoved && entry.kind !== entryKind.register
}

/** Whether a state has a value, be it empty. */
export function hasValue(entry: EntryView): boolean {
  return !entry.isRemoved && entry.kind !== entryKind.set
}

function bad(what: string): PeerFault {
  return new PeerFault('BAD_ENTRY', what)
}
