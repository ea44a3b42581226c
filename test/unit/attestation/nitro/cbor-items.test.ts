import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CborItem, readCborItem } from '../../../../src/attestation/nitro/cbor-items.ts'
import { PeerFault } from '../../../../src/base/errors.ts'
import { isTravellingText } from '../../../../src/wire/cbor.ts'
import * as cbor from '../../../forge/cbor.ts'
import { bytesOf } from '../../crypto/hex.ts'

const read = (hex: string, lengths: 'definite' | 'open-too' = 'open-too'): CborItem =>
  readCborItem(bytesOf(hex), lengths)

const leaf = fc.oneof(
  fc.constant(null),
  fc.maxSafeNat(),
  fc.string({ unit: 'grapheme', maxLength: 300 }).filter(isTravellingText),
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(0xff, 0x100, 0xffff, 0x10000).map(length => new Uint8Array(length)),
)
const key = fc.oneof(fc.maxSafeNat(), fc.string().filter(isTravellingText))
const flat = fc.oneof(leaf, fc.array(leaf, { maxLength: 30 }))
const item: fc.Arbitrary<CborItem> = fc.oneof(
  flat,
  fc.array(fc.tuple(key, flat), { maxLength: 30 }).map(entries => new Map(entries)),
)

function written(value: CborItem, isOpen: boolean): Uint8Array {
  if (value === null) return cbor.nothing
  if (typeof value === 'number') return cbor.number(value)
  if (typeof value === 'string') return cbor.text(value)
  if (value instanceof Uint8Array) return cbor.bytes(value)
  const inner = (each: CborItem): Uint8Array => written(each, isOpen)
  if (value instanceof Map) {
    const entries = [...value].map(([name, each]): cbor.Entry => [inner(name), inner(each)])
    return isOpen ? cbor.openMap(entries) : cbor.map(entries)
  }
  if (!Array.isArray(value)) throw new Error('nothing else is an item')
  return isOpen ? cbor.openList(value.map(inner)) : cbor.list(value.map(inner))
}

test('what is written is read again, with lengths and without', () => {
  fc.assert(
    fc.property(item, fc.boolean(), (value, isOpen) => {
      expect(readCborItem(written(value, isOpen), 'open-too')).toEqual(value)
    }),
    { numRuns: 300 },
  )
})

test('what has no length is refused where lengths are due', () => {
  expect(read('bfff')).toEqual(new Map())
  expect(read('9fff')).toEqual([])
  for (const hex of ['bfff', '9fff', '819fff']) {
    expect(() => read(hex, 'definite')).toThrow(PeerFault)
  }
})

const refused: readonly [string, string, string][] = [
  ['nothing', '', 'CBOR_TRUNCATED'],
  ['a head that ends early', '19ff', 'CBOR_TRUNCATED'],
  ['a string that ends early', '42ff', 'CBOR_TRUNCATED'],
  ['a string of 2^53 bytes', '5b001fffffffffffff', 'CBOR_TRUNCATED'],
  ['a list of 2^53 items', '9b001fffffffffffff', 'CBOR_TRUNCATED'],
  ['a list without an end', '9f', 'CBOR_TRUNCATED'],
  ['a map that ends in the middle', 'bf00ff', 'CBOR_TYPE'],
  ['bytes after the value', '0000', 'CBOR_TRAILING'],
  ['an end without a beginning', 'ff', 'CBOR_TYPE'],
  ['23 in two bytes', '1817', 'CBOR_NOT_CANONICAL'],
  ['255 in three bytes', '1900ff', 'CBOR_NOT_CANONICAL'],
  ['a length of 65535 in five bytes', '5a0000ffff', 'CBOR_NOT_CANONICAL'],
  ['2^32 - 1 in nine bytes', '1b00000000ffffffff', 'CBOR_NOT_CANONICAL'],
  ['2^53', '1b0020000000000000', 'CBOR_TYPE'],
  ['a reserved length', '1c', 'CBOR_NOT_CANONICAL'],
  ['a string in pieces', '5f4100ff', 'CBOR_NOT_CANONICAL'],
  ['a text in pieces', '7f6161ff', 'CBOR_NOT_CANONICAL'],
  ['a negative number', '20', 'CBOR_TYPE'],
  ['a tag', 'c000', 'CBOR_TYPE'],
  ['true', 'f5', 'CBOR_TYPE'],
  ['undefined', 'f7', 'CBOR_TYPE'],
  ['a float', 'f90000', 'CBOR_TYPE'],
  ['a text that is not UTF-8', '61ff', 'CBOR_BAD_TEXT'],
  ['a key twice', 'a200000000', 'CBOR_NOT_CANONICAL'],
  ['a key twice, without a length', 'bf61610061610aff', 'CBOR_NOT_CANONICAL'],
  ['a key that is a list', 'a18000', 'CBOR_TYPE'],
  ['a key that is bytes', 'a1410000', 'CBOR_TYPE'],
  ['four levels', '81818100', 'CBOR_TOO_DEEP'],
  ['ten thousand levels', '81'.repeat(10_000), 'CBOR_TOO_DEEP'],
]
test.each(refused)('%s: %s is refused as %s', (_, hex, code) => {
  expect(() => read(hex)).toThrow(expect.objectContaining({ code }))
})

test('any bytes are an item or a typed fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
      try {
        readCborItem(bytes, 'open-too')
      } catch (error) {
        expect(error).toBeInstanceOf(PeerFault)
      }
    }),
    { numRuns: 2_000 },
  )
})
