import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type NetworkId, nodeIdOfKey } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { leaveCodec, leaveMessage, verifyLeave } from '../../../src/wire/leave.ts'
import { conformMessage } from '../../conformance/message.ts'

const key = new SigningKey(new Secret(new Uint8Array(32).fill(7)))
const network = '11'.repeat(32) as NetworkId
const signature = key.sign(leaveMessage(network, nodeIdOfKey(key.publicKey)))
const leave = { identity: key.publicKey, signature }

conformMessage({
  codec: leaveCodec,
  samples: { leave },
  arbitrary: fc.record({
    identity: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  }),
})

test('a leave holds for the identity that signed it, in its network alone', () => {
  expect(verifyLeave(network, leave)).toBe(true)
  expect(verifyLeave('22'.repeat(32) as NetworkId, leave)).toBe(false)
  const later = new SigningKey(new Secret(new Uint8Array(32).fill(8)))
  expect(verifyLeave(network, { ...leave, identity: later.publicKey })).toBe(false)
  expect(verifyLeave(network, { ...leave, signature: new Uint8Array(64) })).toBe(false)
})
