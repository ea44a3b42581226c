/**
 * One pass, no recursion, over bytes that claim to be canonical CBOR. Decides, builds nothing.
 *
 * What it passes is exactly: major types 0 to 5 and false, true, null, in the core deterministic form of
 * RFC 8949 §4.2.1, within the limits. Its work is bounded by the limits and not by what the bytes claim.
 */
import { PeerFault } from '../base/errors.ts'

/** How much a decoder may be asked to do. */
export interface CborLimits {
  /** Largest accepted encoding, in bytes. */
  readonly bytesMax: number
  /** Deepest nesting of arrays and maps; 16 unless said. */
  readonly depthMax?: number
  /** Most items in all, containers and keys included; 10,000 unless said. */
  readonly itemsMax?: number
}

/** Peers of the field allow 128 levels; our deepest message needs 6. */
const depthMaxDefault = 16
const itemsMaxDefault = 10_000

/** Above this a text is checked by the platform's decoder; below, a call costs more than the check. */
const shortText = 64

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** @throws {PeerFault} `CBOR_TOO_LARGE`, `CBOR_TOO_DEEP`, `CBOR_TOO_MANY`, `CBOR_TRUNCATED`, `CBOR_TRAILING`, `CBOR_TYPE`, `CBOR_NOT_CANONICAL`, `CBOR_BAD_TEXT`. */
export function scanCbor(bytes: Uint8Array, limits: CborLimits): void {
  if (bytes.length > limits.bytesMax) {
    throw new PeerFault('CBOR_TOO_LARGE', `more than ${limits.bytesMax} bytes`)
  }
  new Scan(bytes, limits).run()
}

class Scan {
  readonly #bytes: Uint8Array
  readonly #depthMax: number
  #itemsLeft: number
  #offset = 0
  /** The argument of the head read last; a field, so that no object is made per item. */
  #argument = 0
  /** Open containers: items still to come, where a map's last key starts and ends (-1: none yet, -2: an array). */
  readonly #left: number[] = []
  readonly #keyStart: number[] = []
  readonly #keyEnd: number[] = []

  constructor(bytes: Uint8Array, limits: CborLimits) {
    this.#bytes = bytes
    this.#depthMax = limits.depthMax ?? depthMaxDefault
    this.#itemsLeft = limits.itemsMax ?? itemsMaxDefault
  }

  run(): void {
    const left = this.#left
    do {
      if (this.#itemsLeft-- === 0) throw new PeerFault('CBOR_TOO_MANY', 'more items than allowed')
      const top = left.length - 1
      const remaining = left[top]
      if (remaining === undefined) this.#item()
      else {
        left[top] = remaining - 1
        // A map counts keys and values, so a key comes when the count is even.
        if (this.#keyStart[top] !== -2 && remaining % 2 === 0) this.#key(top)
        else this.#item()
      }
      while (left[left.length - 1] === 0) left.pop()
    } while (left.length > 0)
    if (this.#offset !== this.#bytes.length) {
      throw new PeerFault('CBOR_TRAILING', 'bytes after the value')
    }
  }

  #item(): void {
    const major = this.#head()
    if (major === 2) this.#skip()
    else if (major === 3) this.#text()
    else if (major === 4) this.#open(this.#argument, -2)
    else if (major === 5) this.#open(2 * this.#argument, -1)
  }

  #key(top: number): void {
    const start = this.#offset
    const major = this.#head()
    if (major === 3) this.#text()
    else if (major > 1) throw new PeerFault('CBOR_TYPE', 'a key is an integer or a text')
    const lastStart = this.#keyStart[top] ?? -1
    if (lastStart >= 0 && !this.#isRising(lastStart, this.#keyEnd[top] ?? 0, start)) {
      throw new PeerFault('CBOR_NOT_CANONICAL', 'map keys are not unique and rising')
    }
    this.#keyStart[top] = start
    this.#keyEnd[top] = this.#offset
  }

  /** Whether the spelling of the last key sorts before the one from `start` to here. */
  #isRising(lastStart: number, lastEnd: number, start: number): boolean {
    const bytes = this.#bytes
    const shared = Math.min(lastEnd - lastStart, this.#offset - start)
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[lastStart + i] ?? 0) - (bytes[start + i] ?? 0)
      if (difference !== 0) return difference < 0
    }
    return false
  }

  #open(items: number, firstKey: -1 | -2): void {
    const depth = this.#left.length
    if (depth === this.#depthMax) throw new PeerFault('CBOR_TOO_DEEP', 'nested too deep')
    if (items > this.#bytes.length - this.#offset) {
      throw new PeerFault('CBOR_TRUNCATED', 'a container is longer than the message')
    }
    this.#left.push(items)
    this.#keyStart[depth] = firstKey
  }

  #skip(): void {
    const end = this.#offset + this.#argument
    if (end > this.#bytes.length) {
      throw new PeerFault('CBOR_TRUNCATED', 'a string is longer than the message')
    }
    this.#offset = end
  }

  #text(): void {
    const start = this.#offset
    this.#skip()
    const bytes = this.#bytes
    if (this.#argument <= shortText) {
      let high = 0
      for (let i = start; i < this.#offset; i++) high |= bytes[i] ?? 0
      if (high < 0x80) return
    }
    if (bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf) {
      // Decoders differ on whether a byte order mark is part of the text: two spellings of one value.
      throw new PeerFault('CBOR_BAD_TEXT', 'a text starts with a byte order mark')
    }
    try {
      strictUtf8.decode(bytes.subarray(start, this.#offset))
    } catch (cause) {
      throw new PeerFault('CBOR_BAD_TEXT', 'a text is not valid UTF-8', { cause })
    }
  }

  /** Reads one head and answers its major type; the argument goes to `#argument`. */
  #head(): number {
    const first = this.#bytes[this.#offset]
    if (first === undefined) throw new PeerFault('CBOR_TRUNCATED', 'the message ends early')
    this.#offset++
    const major = first >> 5
    const short = first & 0x1f
    if (major === 6) throw new PeerFault('CBOR_TYPE', 'tags are not accepted')
    if (major === 7 && (short < 20 || short > 22)) {
      // false, true, null; neither undefined nor any float nor a break.
      throw new PeerFault('CBOR_TYPE', 'a simple value or float is not accepted')
    }
    if (short < 24) this.#argument = short
    else this.#longArgument(major, short)
    return major
  }

  #longArgument(major: number, short: number): void {
    if (short > 27) throw new PeerFault('CBOR_NOT_CANONICAL', 'indefinite or reserved length')
    const width = 1 << (short - 24)
    const end = this.#offset + width
    if (end > this.#bytes.length) throw new PeerFault('CBOR_TRUNCATED', 'the message ends early')
    let argument = 0
    for (let i = this.#offset; i < end; i++) argument = argument * 256 + (this.#bytes[i] ?? 0)
    const least = width === 1 ? 24 : 2 ** (4 * width)
    if (argument < least) {
      throw new PeerFault('CBOR_NOT_CANONICAL', 'a number is not in shortest form')
    }
    const most = major === 1 ? Number.MAX_SAFE_INTEGER - 1 : Number.MAX_SAFE_INTEGER
    if (argument > most) throw new PeerFault('CBOR_TYPE', 'an integer is beyond 53 bits')
    this.#offset = end
    this.#argument = argument
  }
}
