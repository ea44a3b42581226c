import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalBytes } from '../../../src/base/bytes.ts'
import { PeerFault } from '../../../src/base/errors.ts'
import { sha256 } from '../../../src/crypto/hash.ts'
import { decodeAnswer, encodeAnswer } from '../../../src/wire/answer.ts'
import {
  stepUpAnswerCodec,
  stepUpBatchMax,
  stepUpLeaf,
  stepUpRequestCodec,
  stepUpRoot,
  stepUpTree,
} from '../../../src/wire/step-up.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)

conformMessage({
  codec: stepUpRequestCodec,
  mutationsMax: 2000,
  samples: {
    'step-up': { purpose: 'step-up', nonce: filled(32, 1) },
    're-attest': { purpose: 're-attest', nonce: filled(32, 2) },
    release: { purpose: 'release', nonce: filled(32, 3) },
  },
})
conformMessage({
  codec: stepUpAnswerCodec,
  mutationsMax: 2000,
  samples: {
    alone: { evidence: filled(200, 4), index: 0, count: 1, path: [] },
    shared: { evidence: filled(200, 4), index: 2, count: 5, path: [filled(32, 5), filled(32, 6)] },
  },
})

const leaves = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => stepUpLeaf(sha256(Uint8Array.of(i >> 8, i & 255))))

test('every leaf of every tree leads to its root, and to no other place or size', () => {
  for (const count of [1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 65, stepUpBatchMax]) {
    const all = leaves(count)
    const { root, paths } = stepUpTree(all)
    all.forEach((leaf, index) => {
      const answer = { evidence: filled(1, 0), index, count, path: paths[index] ?? [] }
      expect(stepUpRoot(leaf, answer)).toEqual(root)
      expect(answer.path.length).toBeLessThanOrEqual(10)
      expect(stepUpRoot(leaf, { ...answer, index: index + count })).toBeUndefined()
      if (count > 1) {
        const elsewhere = stepUpRoot(leaf, { ...answer, index: index ^ 1 })
        expect(elsewhere === undefined || !equalBytes(elsewhere, root)).toBe(true)
      }
    })
  }
})

test('no leaf that was not asked for leads to the root', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.uint8Array({ minLength: 64, maxLength: 64 }),
      (count, binder) => {
        const { root, paths } = stepUpTree(leaves(count))
        const index = count - 1
        const found = stepUpRoot(stepUpLeaf(binder), {
          ...{ evidence: filled(1, 0), index, count },
          path: paths[index] ?? [],
        })
        expect(found === undefined || !equalBytes(found, root)).toBe(true)
      },
    ),
  )
})

test('an inner node passes for no leaf', () => {
  const { root } = stepUpTree(leaves(2))
  const answer = { evidence: filled(1, 0), index: 0, count: 1, path: [] }
  expect(stepUpRoot(stepUpLeaf(root), answer)).not.toEqual(root)
})

test('an answer is read as it was written, and nothing else is an answer', () => {
  const answer = { kind: 'answer', body: filled(5, 1) } as const
  expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)
  const refusal = { kind: 'refusal', code: 'NOT_YET', facts: { wait: 3 } } as const
  expect(decodeAnswer(encodeAnswer(refusal))).toEqual(refusal)
  expect(() => decodeAnswer(Uint8Array.of(2))).toThrow(PeerFault)
  expect(() => decodeAnswer(new Uint8Array(0))).toThrow(PeerFault)
})
