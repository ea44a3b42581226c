/**
 * Many small byte strings in few large buffers. A `Uint8Array` of its own costs some 200 bytes beside its
 * content, and a view of a received message keeps the whole message alive; an address costs four bytes.
 */
import { assert } from '../../base/errors.ts'

const chunkBits = 20
const chunkBytes = 1 << chunkBits
const firstBytes = 2048
/** Below this compaction gains too little. */
const garbageBytesMin = chunkBytes

export class Slab {
  #chunks: Uint8Array[] = [new Uint8Array(firstBytes)]
  #top = 0
  #used = 0
  #garbage = 0

  /** Copies `source[start, end)`, at most 1 MiB, and answers its address. */
  put(source: Uint8Array, start: number, end: number): number {
    const length = end - start
    if (length === 0) return 0
    assert(length <= chunkBytes, 'what is kept in a slab fits one chunk')
    let last = this.#chunks.length - 1
    let chunk = this.#chunks[last] ?? new Uint8Array(0)
    if (this.#top + length > chunk.length) {
      if (chunk.length < chunkBytes && this.#top + length <= chunkBytes) {
        const grown = new Uint8Array(
          Math.min(chunkBytes, Math.max(2 * chunk.length, this.#top + length)),
        )
        grown.set(chunk)
        chunk = this.#chunks[last] = grown
      } else {
        this.#garbage += chunk.length - this.#top
        chunk = new Uint8Array(chunkBytes)
        this.#chunks.push(chunk)
        last++
        assert(last < 2 ** (32 - chunkBits), 'a slab holds less than 4 GiB')
        this.#top = 0
      }
    }
    const at = this.#top
    copy(source, start, length, chunk, at)
    this.#top += length
    this.#used += length
    return last * chunkBytes + at
  }

  /** Overwrites the `length` bytes at `address`. */
  replace(address: number, source: Uint8Array, start: number, length: number): void {
    copy(source, start, length, this.bufferOf(address), address % chunkBytes)
  }

  /** Says that `length` bytes somewhere are not needed any more. */
  release(length: number): void {
    this.#garbage += length
    this.#used -= length
  }

  /** The buffer in which `address` lies; lent, valid until the next `put`. */
  bufferOf(address: number): Uint8Array {
    const chunk = this.#chunks[Math.floor(address / chunkBytes)]
    assert(chunk !== undefined, 'an address was given by put')
    return chunk
  }

  /** Where in its buffer `address` lies. */
  offsetOf(address: number): number {
    return address % chunkBytes
  }

  /** Whether copying what is used into a fresh slab frees at least as much as it copies. */
  get isWasteful(): boolean {
    return this.#garbage > garbageBytesMin && this.#garbage > this.#used
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
