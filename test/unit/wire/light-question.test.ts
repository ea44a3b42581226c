import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { digestOf } from '../../../src/base/ids.ts'
import {
  attestationQuestionCodec,
  checkpointQuestionCodec,
  decodeLightQuestion,
  encodeLightQuestion,
  evidenceQuestionCodec,
  type LightQuestion,
  lightQuestionAt,
  lightQuestionBytesMax,
  proofQuestionCodec,
} from '../../../src/wire/light-question.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({ codec: checkpointQuestionCodec, samples: { three: { cosigners: 3 } } })
conformMessage({ codec: evidenceQuestionCodec, samples: { one: { digest: filled(32, 1) } } })
conformMessage({
  codec: proofQuestionCodec,
  samples: {
    newest: { key: 'public/motd', sequence: null },
    placed: { key: 'public/café', sequence: 17 },
  },
})
conformMessage({ codec: attestationQuestionCodec, samples: { one: { nonce: filled(32, 2) } } })

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const questions: fc.Arbitrary<LightQuestion> = fc.oneof(
  fc.constant({ kind: 'manifest' as const }),
  fc.record({ kind: fc.constant('checkpoint' as const), cosigners: fc.nat(32) }),
  fc.record({ kind: fc.constant('evidence' as const), digest: bytes32.map(digestOf) }),
  fc.record({
    kind: fc.constant('proof' as const),
    key: fc.string({ unit: 'grapheme', maxLength: 100 }),
    sequence: fc.option(fc.nat(2 ** 40)),
  }),
  fc.record({ kind: fc.constant('attestation' as const), nonce: bytes32 }),
)

test('a question is read as it was written, and fits the largest frame', () => {
  fc.assert(
    fc.property(questions, question => {
      const bytes = encodeLightQuestion(question)
      expect(decodeLightQuestion(bytes)).toEqual(question)
      expect(bytes.length).toBeLessThanOrEqual(lightQuestionBytesMax)
    }),
  )
  const longest = { kind: 'proof', key: '\u{ffff}'.repeat(512), sequence: 1 } as const
  expect(decodeLightQuestion(encodeLightQuestion(longest))).toEqual(longest)
})

test.each<[string, Uint8Array]>([
  ['nothing at all', new Uint8Array(0)],
  ['a kind that is none', Uint8Array.of(6, 0xa1, 0, 1)],
  ['a kind without its message', Uint8Array.of(2)],
  ['a kind with the message of another', encodedAs(5, { kind: 'checkpoint', cosigners: 1 })],
  [
    'more co-signatures than any answer holds',
    encodeLightQuestion({ kind: 'checkpoint', cosigners: 33 }),
  ],
  [
    'a key longer than keys are',
    encodeLightQuestion({ kind: 'proof', key: 'a'.repeat(513), sequence: 1 }),
  ],
])('%s is no question', (_, bytes) => {
  expect(() => decodeLightQuestion(bytes)).toThrow(PeerFault)
})

function encodedAs(kind: number, question: LightQuestion): Uint8Array {
  const bytes = encodeLightQuestion(question)
  bytes[0] = kind
  return bytes
}

test('each route of light clients is a question', () => {
  const hex = toHex(filled(32, 0xab))
  expect(lightQuestionAt('/light/manifest')).toEqual({ kind: 'manifest' })
  expect(lightQuestionAt('/light/checkpoint?cosigners=32')).toEqual({
    kind: 'checkpoint',
    cosigners: 32,
  })
  expect(lightQuestionAt(`/light/evidence/${hex}`)).toEqual({ kind: 'evidence', digest: hex })
  expect(lightQuestionAt('/light/proof?key=a%2F%C3%A9&sequence=7')).toEqual({
    kind: 'proof',
    key: 'a/é',
    sequence: 7,
  })
  expect(lightQuestionAt(`/attestation?nonce=${hex}`)).toEqual({
    kind: 'attestation',
    nonce: filled(32, 0xab),
  })
})

test.each([
  '',
  '/',
  '/v1/state/secret',
  '/light/manifest?x=1',
  '/light/checkpoint',
  '/light/checkpoint?cosigners=-1',
  '/light/evidence/ab',
  `/light/evidence/${'AB'.repeat(32)}`,
  '/light/proof?key=a',
  '/light/proof?key=%ff&sequence=1',
  '/light/proof?key=a&sequence=1&key=b',
  '/attestation',
  `/attestation?nonce=${'ab'.repeat(32)}\n`,
  '/verify',
])('the path %j is none', path => {
  expect(lightQuestionAt(path)).toBeUndefined()
})
