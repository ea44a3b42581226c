import { expect, test } from 'vitest'
import { concatBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import {
  type DelegatedResult,
  decodeResult,
  delegatedResultCodec,
  resultBytesMax,
  resultHash,
  resultHashes,
  resultSubject,
  resultsAnswerCodec,
  resultsMessage,
  resultsPerAnswer,
  resultsRequestCodec,
  verifyResults,
} from '../../../src/wire/delegated-result.ts'
import { falseResultCodec, isFalseResult } from '../../../src/wire/false-result.ts'
import { limits } from '../../../src/wire/limits.ts'
import type { MemberRecord } from '../../../src/wire/member-record.ts'
import { decodeRemoval, encodeRemoval } from '../../../src/wire/removal.ts'
import { conformMessage } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const network = toHex(filled(32, 1)) as NetworkId
const signing = new SigningKey(new Secret(filled(32, 7)))
const result: DelegatedResult = {
  identity: filled(32, 1),
  subject: filled(32, 2),
  endorsements: filled(32, 3),
  platform: 'simulated',
  instance: filled(32, 4),
  registers: [
    { name: 'hostData', value: filled(32, 5) },
    { name: 'measurement', value: filled(48, 6) },
  ],
  measurement: 'coterie',
  tcb: 'UpToDate',
  at: 1_700_000_000_000,
  expiresAt: 1_700_003_600_000,
  isFresh: true,
}
const record = (byte: number, body = utf8('evidence')): MemberRecord => ({
  keys: { identity: filled(32, byte), noise: filled(32, 9), kem: filled(1216, 9) },
  evidence: { platform: 'simulated', body },
  possession: filled(64, byte),
})
const lie = {
  network: filled(32, 1),
  record: record(7),
  subject: record(8),
  policy: filled(32, 3),
  lifeMs: 600_000,
  hashes: filled(64, 4),
  index: 1,
  result: delegatedResultCodec.encode(result),
  signature: filled(64, 5),
} as const

conformMessage({ codec: delegatedResultCodec, mutationsMax: 2000, samples: { result } })
conformMessage({
  codec: resultsRequestCodec,
  mutationsMax: 2000,
  samples: { request: { subjects: [filled(32, 1), filled(32, 2)] } },
})
conformMessage({
  codec: resultsAnswerCodec,
  mutationsMax: 2000,
  samples: {
    answer: {
      policy: filled(32, 1),
      lifeMs: 600_000,
      results: [delegatedResultCodec.encode(result)],
      signature: filled(64, 2),
    },
  },
})
conformMessage({
  codec: falseResultCodec,
  golden: 'false-result',
  mutationsMax: 2000,
  samples: { lie },
})

test('a lie is an item of removal, and told from the others by its keys', () => {
  const bytes = encodeRemoval({ kind: 'false-result', ...lie })
  expect(isFalseResult(bytes)).toBe(true)
  expect(decodeRemoval(bytes)).toEqual({ kind: 'false-result', ...lie })
})

test('two documents of the largest known platform fit into one item', () => {
  const body = filled(9 * 1024, 1)
  const large = { ...lie, record: record(7, body), subject: record(8, body) }
  const hashes = filled(32 * resultsPerAnswer, 1)
  const bytes = encodeRemoval({
    kind: 'false-result',
    ...large,
    hashes,
    result: filled(resultBytesMax, 1),
  })
  expect(bytes.length).toBeLessThanOrEqual(limits.removalItemBytesMax)
})

test('the largest answer fits into a frame', () => {
  const results = Array.from({ length: resultsPerAnswer }, () => filled(resultBytesMax, 1))
  const answer = { policy: filled(32, 1), lifeMs: 600_000, results, signature: filled(64, 1) }
  expect(resultsAnswerCodec.encode(answer).length).toBeLessThanOrEqual(limits.frameBytesMax)
})

test('registers out of order have another spelling, and are refused', () => {
  const registers = result.registers.toReversed()
  expect(() => decodeResult(delegatedResultCodec.encode({ ...result, registers }))).toThrow('order')
  expect(decodeResult(delegatedResultCodec.encode(result))).toEqual(result)
})

test('a signature holds for these results of this signer in this network under this policy, for this long', () => {
  const results = [delegatedResultCodec.encode(result), filled(9, 9)]
  const signed = {
    signer: signing.publicKey,
    policy: filled(32, 3),
    lifeMs: 600_000,
    hashes: resultHashes(results),
  }
  const signature = signing.sign(resultsMessage(network, signed))
  expect(verifyResults(network, signed, signature)).toBe(true)
  const changed = [
    { ...signed, signer: filled(32, 8) },
    { ...signed, policy: filled(32, 4) },
    { ...signed, lifeMs: 599_999 },
    { ...signed, hashes: resultHashes(results.toReversed()) },
  ]
  for (const one of changed) expect(verifyResults(network, one, signature)).toBe(false)
  expect(verifyResults(toHex(filled(32, 2)) as NetworkId, signed, signature)).toBe(false)
})

test('hashes of many are the hash of each, joined', () => {
  const results = [filled(9, 1), filled(700, 2), filled(1, 3)]
  expect(resultHashes(results)).toEqual(concatBytes(...results.map(resultHash)))
  expect(resultHashes([])).toEqual(new Uint8Array(0))
})

test('a subject is these keys with this evidence, this possession and this network', () => {
  const named = resultSubject(network, record(8))
  const { keys, evidence, possession } = record(8)
  const others: MemberRecord[] = [
    { keys: { ...keys, identity: filled(32, 1) }, evidence, possession },
    { keys: { ...keys, noise: filled(32, 1) }, evidence, possession },
    { keys: { ...keys, kem: filled(1216, 1) }, evidence, possession },
    { keys, evidence: { ...evidence, body: utf8('other') }, possession },
    { keys, evidence: { ...evidence, platform: 'nitro' }, possession },
    { keys, evidence, possession: filled(64, 1) },
  ]
  for (const other of others) expect(resultSubject(network, other)).not.toBe(named)
  expect(resultSubject(toHex(filled(32, 2)) as NetworkId, record(8))).not.toBe(named)
})
