/**
 * Whole numbers and byte runs one after another: the layout inside batches and sync pages, where a CBOR
 * item per field would cost more than the field.
 */
import { toHex } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'

/** Bytes of an identity key and of the id of an epoch key. */
export const idBytes = 32

const firstCapacity = 4096

/** Appends to a buffer that grows. Reused between messages: `reset`, write, `copy`. */
export class PackedWriter {
  #bytes = new Uint8Array(firstCapacity)
  #length = 0

  get length(): number {
    return this.#length
  }

  reset(): void {
    this.#length = 0
  }

  /** Forgets what was written after `length`: takes back an entry that did not fit. */
  rewind(length: number): void {
    this.#length = length
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** A whole number in 0..2^53 - 1, seven bits a byte, least significant first (LEB128). */
  uint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80
      rest = rest > 0x7fffffff ? Math.floor(rest / 0x80) : rest >>> 7
    }
    this.#bytes[this.#length++] = rest
  }

  /** A number in ±2^52 with its sign folded into the lowest bit (zigzag). */
  int(value: number): void {
    this.uint(value >= 0 ? 2 * value : -2 * value - 1)
  }

  /** `source[start, end)`. */
  run(source: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.#reserve(length)
    if (length > 48) {
      this.#bytes.set(source.subarray(start, end), this.#length)
    } else {
      // A call into `set` costs more than copying so few bytes.
      for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = source[start + i] ?? 0
    }
    this.#length += length
  }

  /** All that was written, freshly allocated. */
  copy(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** All that was written, lent until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    grown.set(this.view())
    this.#bytes = grown
  }
}

/** Reads what `PackedWriter` wrote, in place. Throws `PeerFault` `PACKED_TRUNCATED` or `PACKED_NOT_CANONICAL`. */
export class PackedReader {
  readonly bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte(): number {
    const value = this.bytes[this.at]
    if (value === undefined) throw truncated()
    this.at++
    return value
  }

  uint(): number {
    const first = this.byte()
    return first < 0x80 ? first : this.#longUint(first)
  }

  /** A number that may be negative, zigzag. */
  int(): number {
    const folded = this.uint()
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2
  }

  /** A number in `0..max`. */
  uintUpTo(max: number): number {
    const value = this.uint()
    if (value > max) throw new PeerFault('PACKED_TOO_LARGE', `a number beyond ${max}`)
    return value
  }

  /** Steps over `length` bytes and answers where they start. */
  run(length: number): number {
    const start = this.at
    if (length > this.bytes.length - start) throw truncated()
    this.at = start + length
    return start
  }

  /** The next `length` bytes, fresh. */
  copy(length: number): Uint8Array {
    const start = this.run(length)
    return this.bytes.slice(start, start + length)
  }

  /** Refuses bytes after the last field. */
  end(): void {
    if (this.at !== this.bytes.length) throw new PeerFault('PACKED_TRAILING', 'bytes after the end')
  }

  #longUint(first: number): number {
    let value = first & 0x7f
    let weight = 0x80
    for (;;) {
      const next = this.byte()
      value += (next & 0x7f) * weight
      if (value > Number.MAX_SAFE_INTEGER) {
        throw new PeerFault('PACKED_TOO_LARGE', 'a number beyond 53 bits')
      }
      if (next < 0x80) {
        if (next === 0) throw new PeerFault('PACKED_NOT_CANONICAL', 'a number is not shortest')
        return value
      }
      weight *= 0x80
      if (weight > 2 ** 49) throw new PeerFault('PACKED_TOO_LARGE', 'a number beyond 53 bits')
    }
  }
}

/** `count` different ids, lent. @throws {PeerFault} `PACKED_NOT_CANONICAL` if one comes twice. */
export function readIds(source: PackedReader, count: number): Uint8Array[] {
  const ids: Uint8Array[] = []
  if (count === 0) return ids
  const seen = new Set<string>()
  for (let i = 0; i < count; i++) {
    const start = source.run(idBytes)
    const id = source.bytes.subarray(start, start + idBytes)
    ids.push(id)
    seen.add(toHex(id))
  }
  if (seen.size !== count) throw new PeerFault('PACKED_NOT_CANONICAL', 'an id is listed twice')
  return ids
}

function truncated(): PeerFault {
  return new PeerFault('PACKED_TRUNCATED', 'the bytes end early')
}
