/**
 * Canonical CBOR: one value, one spelling.
 *
 * A strict scanner goes over the bytes before any library sees them, because a CBOR library accepts far
 * more than a protocol may mean: bignums in worse than quadratic time, regular expressions, cycles,
 * duplicate keys, several spellings of one number. What the scanner passes is in the core deterministic
 * form of RFC 8949 §4.2.1, with shortest integers, definite lengths and sorted unique keys, so encoding
 * the decoded value again gives the same bytes.
 */
import { Encoder } from 'cbor-x/index-no-eval'
import { compareBytes } from '../base/bytes.ts'
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

/** The build of cbor-x without its native addon and without `new Function`: one behaviour everywhere. */
const library = new Encoder({
  useRecords: false,
  mapsAsObjects: false,
  tagUint8Array: false,
  variableMapSize: true,
  copyBuffers: true,
})

/** Canonical bytes of `value`, freshly allocated. @throws {InvariantError} for what may not travel. */
export function encodeCbor(value: CborValue): Uint8Array {
  const encoded = library.encode(forLibrary(value))
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length).slice()
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
  // The library makes byte strings of the type that it is given; only plain arrays may come out.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
  return fromLibrary(library.decode(plain))
}

/** Whether a text may travel: no lone surrogates, and no byte order mark in front, which decoders drop. */
export function isTravellingText(text: string): boolean {
  return text.isWellFormed() && !text.startsWith('\ufeff')
}

function forLibrary(value: CborValue): unknown {
  switch (typeof value) {
    case 'number':
      if (!Number.isSafeInteger(value)) throw new InvariantError('only safe integers travel')
      // cbor-x writes numbers beyond 32 bits as floats, and bigints as integers. Adding 0 turns -0 into 0.
      return value > 0xffffffff || value < -0x100000000 ? BigInt(value) : value + 0
    case 'string':
      if (!isTravellingText(value)) throw new InvariantError('only well-formed texts travel')
      return value
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (value instanceof Map) return sortedMap(value)
      if (Array.isArray(value)) return value.map(forLibrary)
      throw new InvariantError('an object travels only as a map, a list or bytes')
    case 'boolean':
      return value
    default:
      throw new InvariantError(`a ${typeof value} does not travel`)
  }
}

/** Small keys, which most messages have alone, sort as numbers: their spelling is one rising byte. */
const isSmallKey = (key: unknown): key is number =>
  typeof key === 'number' && key >= 0 && key < 24 && Number.isInteger(key)

function sortedMap(map: CborMap): Map<unknown, unknown> {
  const entries = [...map]
  if (entries.every(([key]) => isSmallKey(key))) {
    entries.sort(([left], [right]) => Number(left) - Number(right))
    return new Map(entries.map(([key, value]) => [key, forLibrary(value)]))
  }
  const spelled = entries.map(([key, value]) => ({ key, spelling: encodeKey(key), value }))
  spelled.sort((left, right) => compareBytes(left.spelling, right.spelling))
  return new Map(spelled.map(({ key, value }) => [forLibrary(key), forLibrary(value)]))
}

function encodeKey(key: number | string): Uint8Array {
  if (typeof key !== 'number' && typeof key !== 'string') {
    throw new InvariantError('a key is an integer or a text')
  }
  return library.encode(forLibrary(key))
}

/** The library's values as ours: bigints, which stand for integers beyond 32 bits, become numbers. */
function fromLibrary(value: unknown): CborValue {
  switch (typeof value) {
    case 'bigint':
      return Number(value)
    case 'number':
    case 'string':
    case 'boolean':
      return value
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (Array.isArray(value)) return value.every(isFinal) ? value : value.map(fromLibrary)
      if (value instanceof Map) return isFinalMap(value) ? value : mapFromLibrary(value)
  }
  throw new InvariantError('the library makes no type that the scanner does not pass')
}

/** What needs no conversion, neither itself nor inside. */
function isFinal(value: unknown): value is number | string | boolean | null | Uint8Array {
  const type = typeof value
  return type === 'object' ? value === null || value instanceof Uint8Array : type !== 'bigint'
}

function isFinalMap(map: ReadonlyMap<unknown, unknown>): map is CborMap {
  for (const [key, item] of map) if (typeof key === 'bigint' || !isFinal(item)) return false
  return true
}

function mapFromLibrary(map: ReadonlyMap<unknown, unknown>): CborMap {
  const converted = new Map<number | string, CborValue>()
  for (const [key, item] of map) {
    converted.set(typeof key === 'string' ? key : Number(key), fromLibrary(item))
  }
  return converted
}
