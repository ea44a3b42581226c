import * as cborg from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import { InvariantError, PeerFault } from '../../../src/base/errors.ts'
import {
  type CborMap,
  type CborValue,
  decodeCbor,
  encodeCbor,
  isTravellingText,
} from '../../../src/wire/cbor.ts'
import { faultOf, mutations } from '../../conformance/message.ts'
import rfc8949 from '../../vectors/rfc8949.json' with { type: 'json' }
import { bytesOf } from '../crypto/hex.ts'

const limits = { bytesMax: 2 ** 18 }
const refusal = (bytes: Uint8Array, more: object = {}): string | undefined =>
  faultOf(() => decodeCbor(bytes, { ...limits, ...more }))

const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc.constantFrom(23, 24, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
  fc.constantFrom(
    -24,
    -25,
    -256,
    -257,
    -65537,
    -(2 ** 31) - 1,
    -(2 ** 32),
    -(2 ** 32) - 1,
    -(2 ** 53) + 1,
  ),
)
const travellingText = fc
  .string({ unit: 'binary', maxLength: 90 })
  .map(text => text.toWellFormed())
  .filter(isTravellingText)
const key = fc.oneof(integer, travellingText)
const { value: cborValue } = fc.letrec<{ value: CborValue; map: CborMap }>(tie => ({
  map: fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map(entries => new Map(entries)),
  value: fc.oneof(
    { maxDepth: 4 },
    integer,
    travellingText,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 6 }),
    tie('map'),
  ),
}))

/** The value with its maps as sorted rows and its bytes as text, so that two libraries can be compared. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`
  if (Array.isArray(value)) return value.map(comparable)
  if (value instanceof Map) {
    const rows = [...value].map(([name, item]) => [toHex(cborg.encode(name)), comparable(item)])
    return { map: rows.toSorted(([left], [right]) => (String(left) < String(right) ? -1 : 1)) }
  }
  return typeof value === 'bigint' ? Number(value) : value
}

const strict = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: true,
}

describe('RFC 8949', () => {
  test('accepted examples of appendix A mean what it says and are written the same', () => {
    const parsed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(parsed)
      if (value === null || typeof value !== 'object') return value
      if ('bytes' in value) return bytesOf(String(value.bytes))
      const rows = 'map' in value && Array.isArray(value.map) ? value.map : []
      return new Map(rows.map(([name, item]) => [name, parsed(item)]))
    }
    for (const [hex, value] of rfc8949.accepted as [string, unknown][]) {
      expect(decodeCbor(bytesOf(hex), limits), hex).toEqual(parsed(value))
      expect(toHex(encodeCbor(decodeCbor(bytesOf(hex), limits)))).toBe(hex)
    }
  })
  test('the other examples of appendix A are refused', () => {
    for (const hex of rfc8949.refused) expect(refusal(bytesOf(hex)), hex).toMatch(/^CBOR_/)
  })
})

/** Inputs that hurt or mislead some CBOR library; each with the code that it is refused with. */
const regressions: readonly (readonly [string, string | Uint8Array, string])[] = [
  [
    'a bignum of 256 KiB',
    concatBytes(bytesOf('c25a0003fff0'), new Uint8Array(0x3fff0)),
    'CBOR_TYPE',
  ],
  [
    'a bignum of 1 MiB',
    concatBytes(bytesOf('c25a00100000'), new Uint8Array(2 ** 20)),
    'CBOR_TOO_LARGE',
  ],
  ['100,000 nested lists', new Uint8Array(1e5).fill(0x81), 'CBOR_TOO_DEEP'],
  ['100,000 nested tags', new Uint8Array(1e5).fill(0xc1), 'CBOR_TYPE'],
  [
    'a regular expression, tag 27',
    `d81b826652656745787068${'28612b292b24'.padEnd(16, '0')}`,
    'CBOR_TYPE',
  ],
  ['a cycle, tags 28 and 29', 'd81c81d81d00', 'CBOR_TYPE'],
  ['a record, tag 105', 'd8698319e000816161', 'CBOR_TYPE'],
  ['bundled strings', 'd9dff98200', 'CBOR_TYPE'],
  ['a key twice', 'a201000100', 'CBOR_NOT_CANONICAL'],
  ['a text key twice', 'a2616100616100', 'CBOR_NOT_CANONICAL'],
  ['keys that fall', 'a202000100', 'CBOR_NOT_CANONICAL'],
  ['a longer key before a shorter one', 'a262616100616200', 'CBOR_NOT_CANONICAL'],
  ['a list as a key', 'a18000', 'CBOR_TYPE'],
  ['bytes as a key', 'a14000', 'CBOR_TYPE'],
  ['null as a key', 'a1f600', 'CBOR_TYPE'],
  ['0 in two bytes', '1800', 'CBOR_NOT_CANONICAL'],
  ['23 in two bytes', '1817', 'CBOR_NOT_CANONICAL'],
  ['255 in three bytes', '1900ff', 'CBOR_NOT_CANONICAL'],
  ['65535 in five bytes', '1a0000ffff', 'CBOR_NOT_CANONICAL'],
  ['2^32 - 1 in nine bytes', '1b00000000ffffffff', 'CBOR_NOT_CANONICAL'],
  ['a length in two bytes', '780161', 'CBOR_NOT_CANONICAL'],
  ['2^53', '1b0020000000000000', 'CBOR_TYPE'],
  ['-2^53', '3b001fffffffffffff', 'CBOR_TYPE'],
  ['a list without end', '9f01ff', 'CBOR_NOT_CANONICAL'],
  ['bytes in chunks', '5f4101ff', 'CBOR_NOT_CANONICAL'],
  ['a break alone', 'ff', 'CBOR_TYPE'],
  ['a reserved length', '1c', 'CBOR_NOT_CANONICAL'],
  ['undefined', 'f7', 'CBOR_TYPE'],
  ['false in two bytes', 'f814', 'CBOR_TYPE'],
  ['a float', 'fb3ff0000000000000', 'CBOR_TYPE'],
  ['invalid UTF-8', '62c328', 'CBOR_BAD_TEXT'],
  ['a surrogate in UTF-8', '63eda080', 'CBOR_BAD_TEXT'],
  ['overlong UTF-8', '62c080', 'CBOR_BAD_TEXT'],
  ['a byte order mark', '64efbbbf61', 'CBOR_BAD_TEXT'],
  ['a byte order mark before 77 letters', `7850efbbbf${'61'.repeat(77)}`, 'CBOR_BAD_TEXT'],
  ['a list of 2^32 - 1', '9affffffff', 'CBOR_TRUNCATED'],
  ['a list of 2^53 - 1', '9b001fffffffffffff', 'CBOR_TRUNCATED'],
  ['a map of 2^32 - 1', 'baffffffff', 'CBOR_TRUNCATED'],
  ['bytes of 2^32 - 1', '5affffffff00', 'CBOR_TRUNCATED'],
  ['a map of one without a value', 'a100', 'CBOR_TRUNCATED'],
  ['bytes after the value', '0000', 'CBOR_TRAILING'],
  ['nothing', '', 'CBOR_TRUNCATED'],
]

test.each(regressions)('%s is refused', (_name, input, code) => {
  expect(refusal(typeof input === 'string' ? bytesOf(input) : input)).toBe(code)
})

test('a map with the key __proto__ is a map and touches nothing else', () => {
  const bytes = encodeCbor(new Map([['__proto__', new Map([['polluted', true]])]]))
  expect(decodeCbor(bytes, limits)).toBeInstanceOf(Map)
  expect('polluted' in {}).toBe(false)
})

describe('limits', () => {
  const nested = (depth: number): Uint8Array =>
    concatBytes(new Uint8Array(depth).fill(0x81), Uint8Array.of(0))

  test('are exact for depth, items and bytes', () => {
    expect(refusal(nested(16))).toBeUndefined()
    expect(refusal(nested(17))).toBe('CBOR_TOO_DEEP')
    expect(refusal(nested(3), { depthMax: 2 })).toBe('CBOR_TOO_DEEP')
    const zeros = (count: number): Uint8Array => encodeCbor(Array.from({ length: count }, () => 0))
    expect(refusal(zeros(9_999))).toBeUndefined()
    expect(refusal(zeros(10_000))).toBe('CBOR_TOO_MANY')
    expect(refusal(zeros(4), { itemsMax: 4 })).toBe('CBOR_TOO_MANY')
    expect(refusal(zeros(3), { itemsMax: 4 })).toBeUndefined()
    expect(refusal(zeros(3), { bytesMax: 4 })).toBeUndefined()
    expect(refusal(zeros(3), { bytesMax: 3 })).toBe('CBOR_TOO_LARGE')
  })

  test('keep the work bounded: the costliest inputs of 64 KiB take no second together', () => {
    const list = (count: number): Uint8Array => Uint8Array.of(0x99, count >> 8, count & 0xff)
    const repeat = (hex: string, count: number): Uint8Array => bytesOf(hex.repeat(count))
    const costly = [
      concatBytes(list(9_990), repeat('a0', 9_990)),
      concatBytes(list(9_990), repeat('62c3a9', 9_990)),
      encodeCbor(new Map(Array.from({ length: 4_990 }, (_, i) => [`key ${i}`, 2 ** 40 + i]))),
      concatBytes(bytesOf('7900ff'), repeat('e6b0b4', 85)),
      concatBytes(bytesOf('79fffe'), repeat('c3', 0xfffe)),
    ]
    const before = process.cpuUsage()
    for (const bytes of costly) refusal(bytes)
    const { user, system } = process.cpuUsage(before)
    expect(user + system).toBeLessThan(1_000_000)
  })
})

describe('laws', () => {
  test('what is encoded is decoded to itself and is canonical for another library too', () => {
    fc.assert(
      fc.property(cborValue, value => {
        const bytes = encodeCbor(value)
        const decoded = decodeCbor(bytes, limits)
        expect(comparable(decoded)).toEqual(comparable(value))
        expect(encodeCbor(decoded)).toEqual(bytes)
        expect(comparable(cborg.decode(bytes, strict))).toEqual(comparable(value))
        expect(toHex(cborg.encode(cborg.decode(bytes, strict), cborg.rfc8949EncodeOptions))).toBe(
          toHex(bytes),
        )
      }),
      { numRuns: 400 },
    )
  })

  test('whatever is accepted encodes to the same bytes, and means the same to another library', () => {
    let accepted = 0
    const judge = (bytes: Uint8Array): void => {
      let value: CborValue
      try {
        value = decodeCbor(bytes, limits)
      } catch (error) {
        expect(error).toBeInstanceOf(PeerFault)
        return
      }
      accepted++
      expect(toHex(encodeCbor(value))).toBe(toHex(bytes))
      expect(comparable(cborg.decode(bytes, strict))).toEqual(comparable(value))
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), judge), { numRuns: 2000 })
    fc.assert(
      fc.property(cborValue, value => {
        for (const mutated of mutations(encodeCbor(value), 60)) judge(mutated)
      }),
      { numRuns: 150 },
    )
    expect(accepted).toBeGreaterThan(1000)
  })

  test('what another library finds canonical and of our types is accepted', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), bytes => {
        let value: unknown
        try {
          value = cborg.decode(bytes, strict)
          if (toHex(cborg.encode(value, cborg.rfc8949EncodeOptions)) !== toHex(bytes)) return
        } catch {
          return
        }
        if (isOurs(value)) expect(refusal(bytes), toHex(bytes)).toBeUndefined()
      }),
      { numRuns: 5000 },
    )
  })

  /** Whether a value has only types that may travel. */
  function isOurs(value: unknown): boolean {
    if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0)
    if (typeof value === 'string') return isTravellingText(value)
    if (Array.isArray(value)) return value.every(isOurs)
    if (value instanceof Map) {
      return [...value].every(
        ([name, item]) => typeof name !== 'object' && isOurs(name) && isOurs(item),
      )
    }
    return value === null || typeof value === 'boolean' || value instanceof Uint8Array
  }
})

describe('encoding', () => {
  test('refuses what may not travel, because it is our own mistake', () => {
    const wrong: unknown[] = [
      1.5,
      2 ** 53,
      Number.NaN,
      undefined,
      1n,
      { a: 1 },
      '\ud800',
      '\ufeffa',
      new Map([[1.5, 1]]),
      new Map([[null, 1]]),
      new Map([['\ud800', 1]]),
      [() => 1],
    ]
    for (const value of wrong) {
      expect(() => encodeCbor(value as CborValue), String(value)).toThrow(InvariantError)
    }
  })

  test('sorts keys by their spelling and writes minus zero as zero', () => {
    const map = new Map<number | string, CborValue>([
      ['b', 1],
      [-1, 2],
      [256, 3],
      [10, 4],
      ['aa', 5],
      [2 ** 40, 6],
    ])
    expect(toHex(encodeCbor(map))).toBe(
      'a60a041901000' + '31b0000010000000000062002616201' + '62616105',
    )
    expect(toHex(encodeCbor(-0))).toBe('00')
  })
})

test('a decoded value shares no memory with the message and holds plain arrays', () => {
  const message = Buffer.from(encodeCbor([utf8('abc'), new Map([[1, utf8('def')]])]))
  const decoded = decodeCbor(message, limits) as [Uint8Array, Map<number, Uint8Array>]
  message.fill(0)
  expect(decoded[0]).toEqual(utf8('abc'))
  expect(decoded[1].get(1)).toEqual(utf8('def'))
  expect(Object.getPrototypeOf(decoded[0])).toBe(Uint8Array.prototype)
})
