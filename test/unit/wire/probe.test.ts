import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type NetworkId, nodeIdOfKey } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import {
  lifeProofMessage,
  probeAnswerCodec,
  probeRequestCodec,
  verifyLifeProof,
} from '../../../src/wire/probe.ts'
import { conformMessage } from '../../conformance/message.ts'

const challenge = new Uint8Array(32).fill(0xc1)
const key = new SigningKey(new Secret(new Uint8Array(32).fill(7)))
const node = nodeIdOfKey(key.publicKey)
const network = '11'.repeat(32) as NetworkId
const claim = { network, node, challenge, sequence: 41, progress: 97 }
const proof = { sequence: 41, progress: 97, signature: key.sign(lifeProofMessage(claim)) }

conformMessage({
  codec: probeRequestCodec,
  samples: {
    silent: { challenge, target: key.publicKey, seen: 'silent' },
    refused: { challenge, target: key.publicKey, seen: 'refused' },
  },
  arbitrary: fc.record({
    challenge: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    target: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    seen: fc.constantFrom('silent', 'refused'),
  }),
})

conformMessage({
  codec: probeAnswerCodec,
  samples: {
    alive: { seen: 'alive', proof },
    silent: { seen: 'silent', proof: null },
    refused: { seen: 'refused', proof: null },
    unknown: { seen: 'unknown', proof: null },
  },
})

test('a proof of life holds for its node, network, challenge, sequence and progress alone', () => {
  const scope = { network, node, challenge }
  expect(verifyLifeProof(scope, proof)).toBe(true)
  const other = nodeIdOfKey(new SigningKey(new Secret(new Uint8Array(32).fill(8))).publicKey)
  expect(verifyLifeProof({ ...scope, node: other }, proof)).toBe(false)
  expect(verifyLifeProof({ ...scope, network: '22'.repeat(32) as NetworkId }, proof)).toBe(false)
  expect(verifyLifeProof({ ...scope, challenge: new Uint8Array(32) }, proof)).toBe(false)
  expect(verifyLifeProof(scope, { ...proof, sequence: 42 })).toBe(false)
  expect(verifyLifeProof(scope, { ...proof, progress: 98 })).toBe(false)
  expect(verifyLifeProof(scope, { ...proof, signature: new Uint8Array(64) })).toBe(false)
})
