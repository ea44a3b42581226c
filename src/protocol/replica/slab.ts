/**
 * Many small byte strings in few large buffers. A `Uint8Array` of its own costs some 200 bytes beside its
 * content, and a view of a received message keeps the whole message alive; an address costs four bytes.
 */
import { assert } from '../../base/errors.ts'

/** A quarter of a MiB: three times the longest record, and little in vain at the end of the last. */
const chunkBits = 18
const chunkBytes = 1 << chunkBits
const firstBytes = 2048
/** Below this compaction gains too little. */
const garbageBytesMin = 4 * chunkBytes

/** Part of an array, lent. */
export interface ByteRun {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

export class Slab {
  #chunks: Uint8Array[] = [new Uint8Array(firstBytes)]
  #top = 0
  #used = 0
  #garbage = 0

  /** Copies two runs one after the other, at most 256 KiB together, and answers their address. */
  put(first: ByteRun, second: ByteRun): number {
    const firstLength = first.end - first.start
    const length = firstLength + second.end - second.start
    if (length === 0) return 0
    const address = this.#reserve(length)
    const chunk = this.bufferOf(address)
    const at = this.offsetOf(address)
    copy(first.bytes, first.start, firstLength, chunk, at)
    copy(second.bytes, second.start, length - firstLength, chunk, at + firstLength)
    return address
  }

  /**
   * Puts a second run after the first, which is at `address`; answers the address of both. In place if the first was
   * put last, else as a copy.
   */
  append(address: number, length: number, second: ByteRun): number {
    const first = { bytes: this.bufferOf(address), start: this.offsetOf(address) }
    const more = second.end - second.start
    const isLast = address === (this.#chunks.length - 1) * chunkBytes + this.#top - length
    if (isLast && this.#top + more <= first.bytes.length) {
      copy(second.bytes, second.start, more, first.bytes, this.#top)
      this.#top += more
      this.#used += more
      return address
    }
    const moved = this.put({ ...first, end: first.start + length }, second)
    this.release(length)
    return moved
  }

  /** Overwrites the bytes from `address` on. */
  replace(address: number, { bytes, start, end }: ByteRun): void {
    copy(bytes, start, end - start, this.bufferOf(address), this.offsetOf(address))
  }

  /** Says that `length` bytes somewhere are not needed any more. */
  release(length: number): void {
    this.#garbage += length
    this.#used -= length
  }

  /** The buffer in which `address` lies; lent, valid until the next `put`. */
  bufferOf(address: number): Uint8Array {
    const chunk = this.#chunks[address >>> chunkBits]
    assert(chunk !== undefined, 'an address was given by put')
    return chunk
  }

  /** Where in its buffer `address` lies. */
  offsetOf(address: number): number {
    return address & (chunkBytes - 1)
  }

  /** Bytes of all buffers. */
  get capacity(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  }

  /** Whether copying what is used into a fresh slab frees at least half as much as it copies. */
  get isWasteful(): boolean {
    return this.#garbage > garbageBytesMin && this.#garbage > this.#used / 2
  }

  #reserve(length: number): number {
    assert(length <= chunkBytes, 'what is kept in a slab fits one chunk')
    let last = this.#chunks.length - 1
    const chunk = this.#chunks[last] ?? new Uint8Array(0)
    const needed = this.#top + length
    if (needed > chunkBytes) {
      this.#garbage += chunk.length - this.#top
      last++
      assert(last < 2 ** (32 - chunkBits), 'a slab holds less than 4 GiB')
      this.#chunks.push(new Uint8Array(chunkBytes))
      this.#top = 0
    } else if (needed > chunk.length) {
      const grown = new Uint8Array(Math.min(chunkBytes, Math.max(2 * chunk.length, needed)))
      grown.set(chunk)
      this.#chunks[last] = grown
    }
    const at = this.#top
    this.#top += length
    this.#used += length
    return last * chunkBytes + at
  }
}

function copy(
  source: Uint8Array,
  start: number,
  length: number,
  target: Uint8Array,
  at: number,
): void {
  if (length > 48) {
    target.set(source.subarray(start, start + length), at)
    return
  }
  // A call into `set` costs more than copying so few bytes.
  for (let i = 0; i < length; i++) target[at + i] = source[start + i] ?? 0
}
