/**
 * Canonical CBOR: one value, one spelling.
 *
 * A strict scanner goes over the bytes first and decides (`cbor-scan.ts`), because the format may say far more than a protocol
 * may mean: bignums, tags, cycles, duplicate keys, several spellings of one number. What it passes is in the core
 * deterministic form of RFC 8949 §4.2.1, with shortest integers, definite lengths and sorted unique keys, within the limits; so
 * what builds values from it here needs no judgement of its own, and encoding the decoded value again gives the same bytes.
 */
import { compareBytes, utf8 } from '../base/bytes.ts'
import { InvariantError } from '../base/errors.ts'
import { type CborLimits, scanCbor } from './cbor-scan.ts'

/** What may travel: no tags, no floats, no `undefined`. Integers are within ±(2^53 - 1). */
export type CborValue =
  | number
  | boolean
  | null
  | string
  | Uint8Array
  | readonly CborValue[]
  | CborMap
/** Keys are integers or texts; iteration order is the canonical one after decoding. */
export type CborMap = ReadonlyMap<number | string, CborValue>

export type { CborLimits }

/** Canonical bytes of `value`, freshly allocated. @throws {InvariantError} for what may not travel. */
export function encodeCbor(value: CborValue): Uint8Array {
  const out = idle ?? new Writer()
  idle = undefined
  out.value(value)
  const bytes = out.take()
  idle = out
  return bytes
}

/**
 * Decodes exactly one canonical value, which shares no memory with `bytes`.
 *
 * Encoding the value again gives `bytes`. That is not checked here: it follows from the scanner, is a
 * property in the tests, and would double the cost (docs/decisions/0003-canonical-cbor.md).
 *
 * @throws {PeerFault} `CBOR_…` when the bytes are larger than the limits, malformed or not canonical.
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits): CborValue {
  scanCbor(bytes, limits)
  return new Builder(bytes).value()
}

/** Whether a text may travel: no lone surrogates, and no byte order mark in front, which decoders drop. */
export function isTravellingText(text: string): boolean {
  return text.isWellFormed() && !text.startsWith('\ufeff')
}

/** Below this a text of ASCII is put together faster than a decoder or an encoder is called. */
const shortText = 24
// The scanner passed no byte order mark, and no text that is not UTF-8.
const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Builds the value of bytes that the scanner passed: nothing here can run off their end, and recursion is as deep as it allowed. */
class Builder {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  value(): CborValue {
    const first = this.#bytes[this.#offset++] ?? 0
    const short = first & 0x1f
    const argument = short < 24 ? short : this.#long(short)
    switch (first >> 5) {
      case 0:
        return argument
      case 1:
        return -1 - argument
      case 2:
        return this.#run(argument)
      case 3:
        return this.#text(argument)
      case 4:
        return this.#list(argument)
      case 5:
        return this.#map(argument)
      default:
        return argument === 22 ? null : argument === 21
    }
  }

  #long(short: number): number {
    let argument = 0
    for (const end = this.#offset + (1 << (short - 24)); this.#offset < end; this.#offset++) {
      argument = argument * 256 + (this.#bytes[this.#offset] ?? 0)
    }
    return argument
  }

  /** A plain array, whatever kind of array the bytes came in. */
  #run(length: number): Uint8Array {
    const start = this.#offset
    this.#offset = start + length
    const run = new Uint8Array(length)
    if (length > 48) run.set(this.#bytes.subarray(start, start + length))
    // A call into `set` costs more than copying so few bytes.
    else for (let i = 0; i < length; i++) run[i] = this.#bytes[start + i] ?? 0
    return run
  }

  #text(length: number): string {
    const start = this.#offset
    const end = start + length
    this.#offset = end
    const bytes = this.#bytes
    if (length <= shortText) {
      let text = ''
      let at = start
      for (; at < end; at++) {
        const byte = bytes[at] ?? 0
        if (byte >= 0x80) break
        text += String.fromCharCode(byte)
      }
      if (at === end) return text
    }
    return textDecoder.decode(bytes.subarray(start, end))
  }

  #list(length: number): CborValue[] {
    const list: CborValue[] = []
    for (let i = 0; i < length; i++) list.push(this.value())
    return list
  }

  #map(length: number): CborMap {
    const map = new Map<number | string, CborValue>()
    for (let i = 0; i < length; i++) {
      // The scanner passed keys that are integers and texts alone.
      const key = this.value() as number | string
      map.set(key, this.value())
    }
    return map
  }
}

/** Of most messages; what a larger one grew is not kept. */
const keptCapacity = 16_384

/** Appends to a buffer that grows. */
class Writer {
  #bytes = new Uint8Array(keptCapacity)
  #length = 0

  /** All that was written, freshly allocated; the writer is empty again. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length)
    // What was written may be a secret, whose owner wipes what was taken.
    this.#bytes.fill(0, 0, this.#length)
    this.#length = 0
    if (this.#bytes.length > keptCapacity) this.#bytes = new Uint8Array(keptCapacity)
    return taken
  }

  value(value: CborValue): void {
    switch (typeof value) {
      case 'number':
        return this.#integer(value)
      case 'string':
        return this.#text(value)
      case 'boolean':
        return this.#head(7, value ? 21 : 20)
      case 'object':
        if (value === null) return this.#head(7, 22)
        if (value instanceof Uint8Array) {
          this.#head(2, value.length)
          return this.#run(value)
        }
        if (value instanceof Map) return this.#map(value)
        if (Array.isArray(value)) {
          this.#head(4, value.length)
          for (const item of value) this.value(item)
          return
        }
        throw new InvariantError('an object travels only as a map, a list or bytes')
      default:
        throw new InvariantError(`a ${typeof value} does not travel`)
    }
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw new InvariantError('only safe integers travel')
    if (value < 0) this.#head(1, -1 - value)
    // Adding 0 turns -0 into 0.
    else this.#head(0, value + 0)
  }

  #text(text: string): void {
    if (text.length <= shortText && this.#ascii(text)) return
    if (!isTravellingText(text)) throw new InvariantError('only well-formed texts travel')
    const bytes = utf8(text)
    this.#head(3, bytes.length)
    this.#run(bytes)
  }

  /** Writes a text if all of it is ASCII. */
  #ascii(text: string): boolean {
    const { length } = text
    this.#reserve(2 + shortText)
    const start = this.#length
    this.#head(3, length)
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) {
        this.#length = start
        return false
      }
      this.#bytes[this.#length++] = code
    }
    return true
  }

  #map(map: CborMap): void {
    this.#head(5, map.size)
    for (const [key, value] of sorted(map)) {
      this.#key(key)
      this.value(value)
    }
  }

  #key(key: number | string): void {
    if (typeof key !== 'number' && typeof key !== 'string') {
      throw new InvariantError('a key is an integer or a text')
    }
    this.value(key)
  }

  #head(major: number, argument: number): void {
    this.#reserve(9)
    const first = major << 5
    if (argument < 24) {
      this.#bytes[this.#length++] = first | argument
      return
    }
    const power = argument < 0x100 ? 0 : argument < 0x10000 ? 1 : argument < 0x100000000 ? 2 : 3
    this.#bytes[this.#length++] = first | (24 + power)
    const width = 1 << power
    let rest = argument
    for (let at = this.#length + width - 1; at >= this.#length; at--) {
      this.#bytes[at] = rest % 0x100
      rest = Math.floor(rest / 0x100)
    }
    this.#length += width
  }

  #run(bytes: Uint8Array): void {
    const { length } = bytes
    this.#reserve(length)
    if (length > 48) this.#bytes.set(bytes, this.#length)
    // A call into `set` costs more than copying so few bytes.
    else for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = bytes[i] ?? 0
    this.#length += length
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes.fill(0)
    this.#bytes = grown
  }
}

/** The writer between two messages: a buffer for each would cost a small message more than all the rest. */
let idle: Writer | undefined

/** Small keys, which most messages have alone, sort as numbers: their spelling is one rising byte. */
const isSmallKey = (key: unknown): key is number =>
  typeof key === 'number' && key >= 0 && key < 24 && Number.isInteger(key)

/** Entries by the spelling of their keys (RFC 8949 §4.2.1). */
function sorted(map: CborMap): readonly (readonly [number | string, CborValue])[] {
  const entries = [...map]
  if (entries.every(([key]) => isSmallKey(key))) {
    return entries.sort(([left], [right]) => Number(left) - Number(right))
  }
  const spelled = entries.map(entry => ({ entry, spelling: encodeCbor(entry[0]) }))
  spelled.sort((left, right) => compareBytes(left.spelling, right.spelling))
  return spelled.map(({ entry }) => entry)
}
