/**
 * Canonical CBOR: one value, one spelling.
 *
 * A strict scanner goes over the bytes before any library sees them, because a CBOR library accepts far
 * more than a protocol may mean: bignums in worse than quadratic time, regular expressions, cycles,
 * duplicate keys, several spellings of one number. What the scanner passes is in the core deterministic
 * form of RFC 8949 §4.2.1, with shortest integers, definite lengths and sorted unique keys, so encoding
 * the decoded value again gives the same bytes.
 */
import { Encoder } from 'cbor-x'
import { compareBytes } from '../base/bytes.ts'
import { InvariantError, PeerFault } from '../base/errors.ts'
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

const library = new Encoder({
  useRecords: false,
  mapsAsObjects: false,
  tagUint8Array: false,
  variableMapSize: true,
})

/** Canonical bytes of `value`, freshly allocated. @throws {InvariantError} for what may not travel. */
export function encodeCbor(value: CborValue): Uint8Array {
  const encoded = library.encode(forLibrary(value))
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.length).slice()
}

/**
 * Decodes exactly one canonical value.
 *
 * @throws {PeerFault} `CBOR_…` when the bytes are larger than the limits, malformed or not canonical.
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits): CborValue {
  scanCbor(bytes, limits)
  return fromLibrary(library.decode(bytes))
}

function forLibrary(value: CborValue): unknown {
  switch (typeof value) {
    case 'number':
      if (!Number.isSafeInteger(value)) throw new InvariantError('only safe integers travel')
      // cbor-x writes numbers beyond 32 bits as floats, and bigints as integers.
      return value > 0xffffffff || value < -0x100000000 ? BigInt(value) : value
    case 'object':
      if (value === null || value instanceof Uint8Array) return value
      if (Array.isArray(value)) return value.map(forLibrary)
      return sortedMap(value as CborMap)
    case 'boolean':
    case 'string':
      return value
    default:
      throw new InvariantError(`a ${typeof value} does not travel`)
  }
}

function sortedMap(map: CborMap): Map<number | string, unknown> {
  const entries = [...map].map(([key, value]) => ({ key, spelled: library.encode(key), value }))
  entries.sort((left, right) => compareBytes(left.spelled, right.spelled))
  return new Map(entries.map(({ key, value }) => [key, forLibrary(value)]))
}

function fromLibrary(value: unknown): CborValue {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(fromLibrary)
  if (value instanceof Map) {
    return new Map([...value].map(([key, item]) => [fromLibrary(key) as number, fromLibrary(item)]))
  }
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (value === null || typeof value === 'number') return value as number | null
  if (typeof value === 'string' || typeof value === 'boolean') return value
  throw new PeerFault('CBOR_TYPE', 'the library produced a type that the scanner does not pass')
}
