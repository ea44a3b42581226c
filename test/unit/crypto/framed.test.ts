import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import { framed } from '../../../src/crypto/hash.ts'

test('a frame is each part behind its length as four big-endian bytes', () => {
  expect(toHex(framed('ab', Uint8Array.of(1, 2, 3), new Uint8Array(0)))).toBe(
    '00000002616200000003010203' + '00000000',
  )
  const long = framed('d', new Uint8Array(0x012345))
  expect(toHex(long.subarray(5, 9))).toBe('00012345')
})

test('different rows of parts never give the same bytes', () => {
  const row = fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 4 })
  fc.assert(
    fc.property(
      fc.string({ maxLength: 4 }),
      row,
      fc.string({ maxLength: 4 }),
      row,
      (a, as, b, bs) => {
        const isSame =
          a === b &&
          as.length === bs.length &&
          as.every((part, i) => toHex(part) === toHex(bs[i] ?? utf8('other')))
        expect(toHex(framed(a, ...as)) === toHex(framed(b, ...bs))).toBe(isSame)
      },
    ),
    { numRuns: 2000 },
  )
})
