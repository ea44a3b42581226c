/**
 * CBOR (RFC 8949) as Nitro's security module writes it: not our canonical form, because its keys are in the order of its
 * source, and its newer versions open the payload's map without a length. Everything else has one spelling: shortest heads,
 * no key twice, strings in one piece, no tag, no float, nothing after the value.
 *
 * Differs from `wire/cbor-scan.ts`: that reads what we write, this what AWS signs.
 */
import { fromUtf8 } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'

/** Byte strings are views of the input. */
export type CborItem =
  | number
  | string
  | null
  | Uint8Array
  | readonly CborItem[]
  | ReadonlyMap<number | string, CborItem>

/** A document is a map that holds a map or a list. */
const depthMax = 3
/** The additional information of a head without a length, and the byte that ends what it opened (RFC 8949 §3.2.1). */
const [open, end] = [31, 0xff]
const nullHead = 0xf6

/**
 * Exactly one item. With `lengths` `open-too` maps and lists may leave their length out.
 *
 * @throws {PeerFault} `CBOR_TOO_DEEP`, `CBOR_TRUNCATED`, `CBOR_TRAILING`, `CBOR_TYPE`, `CBOR_NOT_CANONICAL`, `CBOR_BAD_TEXT`.
 */
export function readCborItem(bytes: Uint8Array, lengths: 'definite' | 'open-too'): CborItem {
  const reader = new Reader(bytes, lengths === 'open-too')
  const item = reader.item(0)
  if (reader.offset !== bytes.length) throw new PeerFault('CBOR_TRAILING', 'bytes after the value')
  return item
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #mayBeOpen: boolean
  offset = 0

  constructor(bytes: Uint8Array, mayBeOpen: boolean) {
    this.#bytes = bytes
    this.#mayBeOpen = mayBeOpen
  }

  item(depth: number): CborItem {
    if (depth === depthMax) throw new PeerFault('CBOR_TOO_DEEP', 'nested too deep')
    const head = this.#octet()
    if (head === nullHead) return null
    const [major, short] = [head >> 5, head & 0x1f]
    switch (major) {
      case 0:
        return this.#argument(short)
      case 2:
        return this.#string(short)
      case 3:
        return this.#text(short)
      case 4:
        return this.#list(this.#count(short), depth)
      case 5:
        return this.#map(this.#count(short), depth)
      default:
        throw new PeerFault('CBOR_TYPE', 'a type that no document has')
    }
  }

  #list(count: number, depth: number): readonly CborItem[] {
    const list: CborItem[] = []
    while (this.#continues(list.length, count)) list.push(this.item(depth + 1))
    return list
  }

  #map(count: number, depth: number): ReadonlyMap<number | string, CborItem> {
    const map = new Map<number | string, CborItem>()
    while (this.#continues(map.size, count)) {
      const key = this.item(depth + 1)
      if (typeof key !== 'number' && typeof key !== 'string') {
        throw new PeerFault('CBOR_TYPE', 'a key is an integer or a text')
      }
      if (map.has(key)) throw new PeerFault('CBOR_NOT_CANONICAL', 'a key occurs twice')
      map.set(key, this.item(depth + 1))
    }
    return map
  }

  /** Whether another entry follows; passes over the end of what has no length. */
  #continues(read: number, count: number): boolean {
    if (count !== Number.POSITIVE_INFINITY) return read < count
    if (this.#bytes[this.offset] !== end) return true
    this.offset++
    return false
  }

  #count(short: number): number {
    return short === open && this.#mayBeOpen ? Number.POSITIVE_INFINITY : this.#argument(short)
  }

  #text(short: number): string {
    const text = fromUtf8(this.#string(short))
    if (text === undefined) throw new PeerFault('CBOR_BAD_TEXT', 'a text is not valid UTF-8')
    return text
  }

  #string(short: number): Uint8Array {
    const length = this.#argument(short)
    const begin = this.offset
    if (length > this.#bytes.length - begin) {
      throw new PeerFault('CBOR_TRUNCATED', 'a string is longer than the document')
    }
    this.offset += length
    return this.#bytes.subarray(begin, this.offset)
  }

  #argument(short: number): number {
    if (short < 24) return short
    if (short > 27) throw new PeerFault('CBOR_NOT_CANONICAL', 'indefinite or reserved length')
    const width = 1 << (short - 24)
    let argument = 0
    for (let i = 0; i < width; i++) argument = argument * 256 + this.#octet()
    if (argument < (width === 1 ? 24 : 2 ** (4 * width))) {
      throw new PeerFault('CBOR_NOT_CANONICAL', 'a number is not in shortest form')
    }
    if (argument > Number.MAX_SAFE_INTEGER) {
      throw new PeerFault('CBOR_TYPE', 'an integer is beyond 53 bits')
    }
    return argument
  }

  #octet(): number {
    const octet = this.#bytes[this.offset++]
    if (octet === undefined) throw new PeerFault('CBOR_TRUNCATED', 'the document ends early')
    return octet
  }
}
