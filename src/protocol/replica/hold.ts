/** Entries stamped too far ahead of the group clock: not merged, in no root, tried again when time comes. */
import type { Digest, NodeId } from '../../base/ids.ts'
import { blankEntry, type EntryView } from '../../wire/entry.ts'
import type { EntryMap } from './lattice.ts'

const entriesMax = 1024
const bytesMax = 1024 * 1024

/** The batch that waits for its last entry to be merged. */
export interface HeldBatch {
  readonly author: NodeId
  readonly sequence: number
  /** Its entries still held. */
  left: number
}

interface Held {
  readonly entry: EntryView
  readonly author: NodeId
  readonly tagAuthor: NodeId
  readonly commitKey: Digest
  readonly batch: HeldBatch | undefined
}

export class Hold {
  #held: Held[] = []
  #bytes = 0

  get count(): number {
    return this.#held.length
  }

  /** The earliest time stamped on an entry here, or `undefined`. */
  get earliestMs(): number | undefined {
    return this.#held.length === 0 ? undefined : Math.min(...this.#held.map(h => h.entry.ms))
  }

  /** Keeps a copy, its indexes being of `map`; `false` if there is no room: a later sync brings it again. */
  put(entry: EntryView, map: EntryMap, batch: HeldBatch | undefined): boolean {
    const size = sizeOf(entry)
    if (this.#held.length === entriesMax || this.#bytes + size > bytesMax) return false
    this.#bytes += size
    this.#held.push({
      entry: copyOf(entry),
      author: map.author(entry.author),
      tagAuthor: map.author(entry.tagAuthor),
      commitKey: map.commitKey(entry.commitKey),
      batch,
    })
    return true
  }

  /** Takes out what is stamped up to `ms`, in order of arrival, its indexes being of `map` again. */
  release(ms: number, map: EntryMap): { entry: EntryView; batch: HeldBatch | undefined }[] {
    const due = this.#held.filter(held => held.entry.ms <= ms)
    if (due.length === 0) return []
    this.#held = this.#held.filter(held => held.entry.ms > ms)
    return due.map(({ entry, author, tagAuthor, commitKey, batch }) => {
      this.#bytes -= sizeOf(entry)
      entry.author = map.authors.indexOf(author)
      entry.tagAuthor = map.authors.indexOf(tagAuthor)
      entry.commitKey = map.commitKeys.indexOf(commitKey)
      return { entry, batch }
    })
  }
}

function sizeOf(entry: EntryView): number {
  const key = entry.keyEnd - entry.keyStart
  const element = entry.elementEnd - entry.elementStart
  return 512 + key + element + entry.valueEnd - entry.valueStart
}

function copyOf(entry: EntryView): EntryView {
  const copy = { ...blankEntry(), ...entry }
  copy.key = entry.key.slice(entry.keyStart, entry.keyEnd)
  copy.keyStart = 0
  copy.keyEnd = copy.key.length
  copy.element = entry.element.slice(entry.elementStart, entry.elementEnd)
  copy.elementStart = 0
  copy.elementEnd = copy.element.length
  copy.value = entry.value.slice(entry.valueStart, entry.valueEnd)
  copy.valueStart = 0
  copy.valueEnd = copy.value.length
  if (entry.signatureStart >= 0) {
    copy.signature = entry.signature.slice(entry.signatureStart, entry.signatureStart + 64)
    copy.signatureStart = 0
  }
  return copy
}
