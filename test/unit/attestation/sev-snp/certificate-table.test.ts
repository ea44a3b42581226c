import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseCertificateTable } from '../../../../src/attestation/sev-snp/certificate-table.ts'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { PeerFault } from '../../../../src/base/errors.ts'
import { snpTable } from '../../../forge/sev-snp.ts'

const document = fc.uint8Array({ minLength: 1, maxLength: 200 })
const slots = ['ark', 'ask', 'vcek', 'vlek', 'crl'] as const
const documents = fc
  .uniqueArray(fc.constantFrom(...slots), { minLength: 0, maxLength: 5 })
  .chain(chosen => fc.tuple(...chosen.map(slot => fc.tuple(fc.constant(slot), document))))

const readable = (bytes: Uint8Array): boolean => {
  try {
    parseCertificateTable(bytes)
    return true
  } catch (error) {
    if (error instanceof PeerFault) return false
    throw error
  }
}

test('what a host put into a table is found again, with or without zeros between', () => {
  const property = fc.property(documents, fc.nat({ max: 40 }), (put, gap) => {
    const found = parseCertificateTable(snpTable(put, gap))
    expect(found.map(({ slot, bytes }) => [slot, bytes])).toEqual(put)
  })
  fc.assert(property)
})

test('cut short anywhere or prolonged, a table is refused', () => {
  const table = snpTable(
    [
      ['ark', Uint8Array.of(1, 2)],
      ['vcek', Uint8Array.of(3)],
    ],
    2,
  )
  for (let length = 0; length < table.length; length++) {
    expect(readable(table.subarray(0, length))).toBe(false)
  }
  expect(readable(concatBytes(table, new Uint8Array(1)))).toBe(false)
})

test('with any bit changed, a table is refused or holds other documents', () => {
  const table = snpTable(
    [
      ['ark', Uint8Array.of(1, 2)],
      ['vcek', Uint8Array.of(3)],
    ],
    2,
  )
  const documents = parseCertificateTable(table)
  for (let bit = 0; bit < table.length * 8; bit++) {
    const changed = table.with(bit >> 3, (table[bit >> 3] ?? 0) ^ (1 << (bit & 7)))
    if (readable(changed)) expect(parseCertificateTable(changed)).not.toEqual(documents)
  }
})

const entry = (at: number, offset: number, length: number) => (table: Uint8Array) => {
  const view = new DataView(table.buffer)
  view.setUint32(24 * at + 16, offset, true)
  view.setUint32(24 * at + 20, length, true)
}
const two = () =>
  snpTable([
    ['ark', new Uint8Array(8).fill(1)],
    ['vcek', new Uint8Array(8).fill(2)],
  ])

test.each<[string, (table: Uint8Array) => void]>([
  ['documents over each other', entry(1, 76, 12)],
  ['a document inside of the entries', entry(0, 24, 56)],
  ['a document beyond the end', entry(1, 80, 9)],
  ['a length that wraps around', entry(1, 80, 0xffffffff)],
  ['an offset that wraps around', entry(1, 0xffffffff, 8)],
  ['an empty document', entry(0, 72, 0)],
  ['an end that is not empty', entry(2, 0, 1)],
  ['one GUID twice', table => table.copyWithin(24, 0, 16)],
])('a table with %s is refused', (_, change) => {
  const table = two()
  expect(readable(table)).toBe(true)
  change(table)
  expect(readable(table)).toBe(false)
})

test('a table with what a host added for itself, or with more than anybody has, is refused', () => {
  expect(readable(snpTable([['strange', Uint8Array.of(1)]]))).toBe(false)
  const many = Array.from({ length: 17 }, () => ['ark', Uint8Array.of(1)] as const)
  expect(readable(snpTable(many))).toBe(false)
  expect(parseCertificateTable(new Uint8Array(24))).toEqual([])
})
