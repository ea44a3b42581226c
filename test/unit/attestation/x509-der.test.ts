import { type BaseBlock, Constructed, fromBER } from 'asn1js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type DerValue, parseDer } from '../../../src/attestation/x509-der.ts'
import { fromHex, toHex } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { link } from '../../fixtures/simulated.ts'

const der = link('leaf', null, { pathLength: null }).der

type Shape = readonly [bytes: string, parts: readonly Shape[]]

const shapeOf = ({ bytes, parts }: DerValue): Shape => [toHex(bytes), parts.map(shapeOf)]

function shapeByAsn1js(block: BaseBlock): Shape {
  const parts = block instanceof Constructed ? block.valueBlock.value.map(shapeByAsn1js) : []
  return [toHex(block.valueBeforeDecodeView), parts]
}

function ours(bytes: Uint8Array): Shape | undefined {
  try {
    return shapeOf(parseDer(bytes))
  } catch (error) {
    expect(error).toBeInstanceOf(PeerFault)
    return undefined
  }
}

function theirs(bytes: Uint8Array): Shape | undefined {
  try {
    const { offset, result } = fromBER(bytes, { parseEmbedded: false })
    return offset === bytes.length && result.error === '' ? shapeByAsn1js(result) : undefined
  } catch {
    return undefined
  }
}

test('a certificate is read as another library reads it', () => {
  expect(ours(der)).toEqual(theirs(der))
})

test('what two libraries read of changed bytes is the same, and bytes of DER are read by both', () => {
  const changes = fc.array(
    fc.record({ at: fc.nat(der.length - 1), to: fc.integer({ min: 0, max: 255 }) }),
    { minLength: 1, maxLength: 3 },
  )
  let both = 0
  fc.assert(
    fc.property(changes, fc.nat(der.length), (all, cut) => {
      const bytes = der.slice(0, cut % 4 === 0 ? cut : der.length)
      for (const { at, to } of all) if (at < bytes.length) bytes[at] = to
      const [mine, other] = [ours(bytes), theirs(bytes)]
      if (mine !== undefined && other !== undefined) {
        both++
        expect(mine).toEqual(other)
      }
    }),
    { numRuns: 2_000 },
  )
  expect(both).toBeGreaterThan(100)
})

test('no bytes at all end in anything but a value or a fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => void ours(bytes)),
    {
      numRuns: 2_000,
    },
  )
})

test.each([
  ['nothing', ''],
  ['half a value', '3003020101'.slice(0, 8)],
  ['two values', '020101020101'],
  ['a length that is not the shortest', '02810101'],
  ['a length of two octets where one would do', `028200${'7f'}${'00'.repeat(0x7f)}`],
  ['an indefinite length', '30800201010000'],
  ['a length beyond 64 KiB', '0283010000'],
  ['a length that reaches beyond the whole', '0205010101'],
  ['a part that reaches beyond the whole', '3003020201'],
  ['a sequence that is not made of parts', '1000'],
  ['a string that is made of parts', '24030401aa'],
  ['a tag of several octets', '1f810100'],
  ['the end of contents', '0000'],
  ['an integer with an idle octet', '02020001'],
  ['a negative integer with an idle octet', '0202ff80'],
  ['an empty integer', '0200'],
  ['an identifier with an idle octet', '0603802a03'],
  ['an identifier that does not end', '06022a83'],
  ['an empty identifier', '0600'],
])('%s is no DER', (_, hex) => {
  expect(() => parseDer(fromHex(hex) ?? new Uint8Array(0))).toThrow(PeerFault)
})

test('values within values without end are refused before the stack ends', () => {
  const deep = Uint8Array.from(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 0x30 : 58 - i)))
  expect(() => parseDer(deep)).toThrow(PeerFault)
  const wide = Uint8Array.of(
    0x30,
    0x82,
    0x08,
    0x00,
    ...new Uint8Array(2048).map((_, i) => (i % 2 === 0 ? 5 : 0)),
  )
  expect(() => parseDer(wide)).toThrow(PeerFault)
})
