import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import {
  decodeDescentAnswer,
  decodePageAnswer,
  decodeQuestion,
  decodeSketchAnswer,
  encodeDescentAnswer,
  encodePageAnswer,
  encodeQuestion,
  encodeSketchAnswer,
  isReconcileQuestion,
  type ReconcileQuestion,
} from '../../../src/wire/reconcile.ts'
import { syncRequestCodec } from '../../../src/wire/sync.ts'

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value)
const page = Uint8Array.of(0)

const questions: readonly (readonly [ReconcileQuestion, string])[] = [
  [
    { kind: 'sketch', first: 0, count: 0, entries: 300, counters: bytes(112, 7) },
    `010000ac02${'07'.repeat(112)}`,
  ],
  [{ kind: 'sketch', first: 64, count: 48, entries: 1, counters: bytes(0, 0) }, '01403001'],
  [{ kind: 'exchange', syncedAt: 5, wants: [2 ** 48 - 2], page }, '020501fffffffffffe00'],
  [
    { kind: 'descent', branches: [{ isPublic: true, bits: 12, path: Uint8Array.of(0xab, 0xc0) }] },
    '0301010cabc0',
  ],
]

test('questions have these bytes, come back as they were, and are no page requests', () => {
  for (const [question, golden] of questions) {
    expect(toHex(encodeQuestion(question))).toBe(golden)
    expect(decodeQuestion(encodeQuestion(question))).toEqual(question)
    expect(isReconcileQuestion(encodeQuestion(question))).toBe(true)
  }
  const pages = syncRequestCodec.encode({ log: null, cursor: 0, marks: [] })
  expect(isReconcileQuestion(pages)).toBe(false)
})

test('answers have these bytes and come back as they were', () => {
  const sketch = {
    log: bytes(16, 1),
    head: 2,
    groupClock: 3,
    floor: 4,
    syncedAt: 5,
    sequence: 6,
    held: 7,
    symbols: Uint32Array.of(0x01020304, 0xfffffffe),
  }
  expect(toHex(encodeSketchAnswer(sketch))).toBe(`${'01'.repeat(16)}02030405060701020304fffffffe`)
  expect(decodeSketchAnswer(encodeSketchAnswer(sketch))).toEqual(sketch)
  const entries = { answered: 300, page }
  expect(toHex(encodePageAnswer(entries))).toBe('ac0200')
  expect(decodePageAnswer(encodePageAnswer(entries))).toEqual(entries)
  const descent = { groupClock: 1, syncedAt: 2, children: [null, bytes(128, 9)], page }
  expect(toHex(encodeDescentAnswer(descent))).toBe(`0102020001${'09'.repeat(128)}00`)
  expect(decodeDescentAnswer(encodeDescentAnswer(descent))).toEqual(descent)
})

test('whatever arrives is refused with a typed fault or is written again as it came', () => {
  const seeds = questions.map(([question]) => encodeQuestion(question))
  const arrived = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(255)).map(([seed, at, byte]) => {
      const mutated = seed.slice()
      mutated[at % mutated.length] = byte
      return mutated
    }),
  )
  fc.assert(
    fc.property(arrived, message => {
      for (const decode of [decodeQuestion, decodeSketchAnswer, decodePageAnswer]) {
        try {
          const value = decode(message)
          if ('kind' in value) expect(toHex(encodeQuestion(value))).toBe(toHex(message))
        } catch (fault) {
          expect(fault).toBeInstanceOf(PeerFault)
        }
      }
      try {
        decodeDescentAnswer(message)
      } catch (fault) {
        expect(fault).toBeInstanceOf(PeerFault)
      }
    }),
    { numRuns: 2000 },
  )
})

test('numbers beyond the limits are refused', () => {
  const tooMany = encodeQuestion({
    kind: 'exchange',
    syncedAt: 0,
    wants: Array.from({ length: 4097 }, (_, i) => i),
    page,
  })
  expect(() => decodeQuestion(tooMany)).toThrow(PeerFault)
  const branches = Array.from({ length: 65 }, () => ({
    isPublic: false,
    bits: 0,
    path: new Uint8Array(0),
  }))
  expect(() => decodeQuestion(encodeQuestion({ kind: 'descent', branches }))).toThrow(PeerFault)
})
