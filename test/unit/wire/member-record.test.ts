import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { limits } from '../../../src/wire/limits.ts'
import {
  type MemberRecord,
  possessionMessage,
  recordAnswerCodec,
  recordRequestCodec,
  verifyPossession,
} from '../../../src/wire/member-record.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const network = toHex(filled(32, 1)) as NetworkId
const signing = new SigningKey(new Secret(filled(32, 7)))
const keys = { identity: signing.publicKey, noise: filled(32, 2), kem: filled(1216, 3) }
const evidence = { platform: 'simulated', body: utf8('evidence') }
const possession = signing.sign(possessionMessage(network, keys, evidence))
const record: MemberRecord = { keys, evidence, possession }

conformMessage({
  codec: recordRequestCodec,
  mutationsMax: 2000,
  samples: { request: { identity: filled(32, 4) } },
})
conformMessage({
  codec: recordAnswerCodec,
  mutationsMax: 2000,
  samples: { record: { record }, none: { record: null } },
})

test('possession holds for these keys, this evidence and this network, and for no other', () => {
  expect(verifyPossession(network, record)).toBe(true)
  const changed: MemberRecord[] = [
    { ...record, keys: { ...keys, noise: filled(32, 9) } },
    { ...record, keys: { ...keys, kem: filled(1216, 9) } },
    { ...record, keys: { ...keys, identity: filled(32, 9) } },
    { ...record, evidence: { ...evidence, platform: 'nitro' } },
    { ...record, evidence: { ...evidence, body: utf8('evidence!') } },
    { ...record, possession: possession.map(byte => byte ^ 1) },
  ]
  for (const one of changed) expect(verifyPossession(network, one)).toBe(false)
  expect(verifyPossession(toHex(filled(32, 2)) as NetworkId, record)).toBe(false)
})

test('the largest evidence fits into a record', () => {
  const body = filled(limits.handshakeFrameBytesMax - 4096, 1)
  const bytes = recordAnswerCodec.encode({
    record: { ...record, evidence: { platform: 'p'.repeat(32), body } },
  })
  expect(recordAnswerCodec.decode(bytes).record?.evidence.body).toHaveLength(body.length)
})
