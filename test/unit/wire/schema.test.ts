import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvariantError } from '../../../src/base/errors.ts'
import { type CborValue, encodeCbor } from '../../../src/wire/cbor.ts'
import {
  byteString,
  choice,
  type Field,
  fixedBytes,
  flag,
  list,
  message,
  nullable,
  row,
  text,
  uint,
} from '../../../src/wire/schema.ts'
import { conformMessage, faultOf } from '../../conformance/message.ts'

interface Everything {
  readonly count: number
  readonly id: Uint8Array
  readonly body: Uint8Array
  readonly name: string
  readonly isOn: boolean
  readonly phase: 'joining' | 'active'
  readonly marks: readonly number[]
  readonly clock: number | null
  readonly pair: { readonly left: number; readonly right: string }
}

const everything = message<Everything>(
  'everything',
  3,
  {
    count: [1, uint(1000)],
    id: [2, fixedBytes(4)],
    body: [3, byteString(1, 8)],
    name: [4, text(5)],
    isOn: [5, flag],
    phase: [6, choice(['joining', 'active'])],
    marks: [7, list(uint(9), 3)],
    clock: [8, nullable(uint())],
    pair: [63, row<Everything['pair']>({ left: uint(), right: text(3) })],
  },
  { bytesMax: 256, itemsMax: 64 },
)

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(1)
const sample: Everything = {
  count: 1000,
  id: bytes(4),
  body: bytes(8),
  name: 'nodes',
  isOn: true,
  phase: 'active',
  marks: [0, 9],
  clock: null,
  pair: { left: 2 ** 53 - 1, right: 'r' },
}

conformMessage<Everything>({
  codec: everything,
  samples: {
    full: sample,
    least: { ...sample, count: 0, body: bytes(1), name: '', marks: [], clock: 0 },
  },
  arbitrary: fc.record({
    count: fc.nat(1000),
    id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    body: fc.uint8Array({ minLength: 1, maxLength: 8 }),
    name: fc.string({ unit: 'grapheme-ascii', maxLength: 5 }),
    isOn: fc.boolean(),
    phase: fc.constantFrom('joining' as const, 'active' as const),
    marks: fc.array(fc.nat(9), { maxLength: 3 }),
    clock: fc.option(fc.maxSafeNat()),
    pair: fc.record({
      left: fc.maxSafeNat(),
      right: fc.string({ unit: 'grapheme-ascii', maxLength: 3 }),
    }),
  }),
})

const wrong: readonly (readonly [string, Pick<Field<unknown>, 'read'>, readonly CborValue[]])[] = [
  ['uint', uint(9), [10, -1, '1', null, true, bytes(1), [1]]],
  ['fixedBytes', fixedBytes(2), [bytes(1), bytes(3), 'ab', [1, 2], null]],
  ['byteString', byteString(1, 2), [bytes(0), bytes(3), 'a', 1]],
  ['text', text(2), ['abc', bytes(1), 1, null]],
  ['flag', flag, [0, 1, null, 'true']],
  ['choice', choice(['a', 'b']), [2, -1, 'a', null, '0']],
  ['list', list(uint(), 1), [[1, 2], ['a'], 1, new Map(), bytes(1)]],
  ['nullable', nullable(flag), [0, 'null']],
  ['row', row<{ a: number }>({ a: uint() }), [[], [1, 2], ['a'], new Map([[0, 1]]), 1]],
]

test.each(wrong)('a %s refuses every other value', (_name, field, values) => {
  for (const value of values) expect(faultOf(() => field.read(value))).toBe('BAD_FIELD')
})

test('what is not a map is refused as a message', () => {
  for (const value of [1, 'x', [1], null]) {
    expect(faultOf(() => everything.decode(encodeCbor(value)))).toBe('BAD_MESSAGE')
  }
})

test('an extension cannot replace a field, nor can two fields share a key', () => {
  const extensions = new Map([[1, 5]])
  expect(() => everything.encode({ ...sample, extensions })).toThrow(InvariantError)
  const shared = { a: [1, uint()], b: [1, uint()] } as const
  expect(() => message<{ a: number; b: number }>('bad', 1, shared, { bytesMax: 9 })).toThrow(
    InvariantError,
  )
  expect(() => message<{ a: number }>('bad', 1, { a: [64, uint()] }, { bytesMax: 9 })).toThrow(
    InvariantError,
  )
})
