/** A proof is bounded on both sides: who makes it refuses, and who reads it does not begin. */
import { expect, test } from 'vitest'
import { PeerFault } from '../../../src/base/errors.ts'
import { instant } from '../../../src/base/time.ts'
import type { ReplicaDriver } from '../../../src/node/drivers/replica.ts'
import { NodeState } from '../../../src/node/state-api.ts'
import { limits } from '../../../src/wire/limits.ts'
import {
  decodeKeyProof,
  encodeKeyProof,
  type KeyProof,
  type OpenLeaf,
} from '../../../src/wire/state-proof.ts'

/** Of a key with so many concurrent values of the largest size. */
function proofOf(values: number): KeyProof {
  const leaf = (i: number): OpenLeaf => ({
    salt: new Uint8Array(0),
    stamp: new Uint8Array(48),
    tag: Uint8Array.from({ length: 18 }, (_, at) => (at === 0 ? 3 : 0)),
    commitKey: new Uint8Array(32),
    value: new Uint8Array(limits.stateValueBytesMax),
    element: new Uint8Array(0),
    tagAuthor: new Uint8Array(32).fill(i),
  })
  const leaves = Array.from({ length: values }, (_, i) => leaf(i))
  const otherRoot = new Uint8Array(32)
  return { isPublic: true, otherRoot, steps: [], end: { kind: 'leaves', leaves } }
}

function stateWith(proof: KeyProof): NodeState {
  const machine = { proveKey: () => ({ proof, root: new Uint8Array(32) }) }
  const driver = (): ReplicaDriver => ({ machine }) as unknown as ReplicaDriver
  return new NodeState(
    {
      driver,
      refusal: () => undefined,
      clock: { monotonic: () => instant(0) },
      spans: { add: () => {} },
    },
    { boot: 'b' },
  )
}

test('values that exceed a proof together are refused with the next step, and those that fit are proven', () => {
  const fitting = stateWith(proofOf(31)).prove('public/a')
  expect(decodeKeyProof(fitting.proof)).toEqual(proofOf(31))
  const refused = expect.objectContaining({
    code: 'PROOF_TOO_LARGE',
    next: expect.stringContaining('several keys'),
  })
  expect(() => stateWith(proofOf(32)).prove('public/a')).toThrow(refused)
})

test('a proof beyond the bound is not read, however well it is formed', () => {
  const bytes = encodeKeyProof(proofOf(32))
  expect(bytes.length).toBeGreaterThan(limits.proofBytesMax)
  expect(() => decodeKeyProof(bytes)).toThrow(PeerFault)
})
