import fc from 'fast-check'
import { expect, test } from 'vitest'
import { equalBytes, toHex, utf8 } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { scanCbor } from '../../../src/wire/cbor-scan.ts'
import {
  type Checkpoint,
  type CheckpointClaim,
  checkpointCodec,
  checkpointDigest,
  checkpointMessage,
  claimCodec,
  contradicts,
  type PlacedClaim,
  rootOfClaim,
  verifyCheckpoint,
} from '../../../src/wire/checkpoint.ts'
import { doubleCheckpointCodec, isDoubleCheckpoint } from '../../../src/wire/double-checkpoint.ts'
import { isFalseResult } from '../../../src/wire/false-result.ts'
import {
  type AttestationAnswer,
  attestationAnswerCodec,
  checkpointReportData,
  echoMessage,
  servedCheckpointCodec,
  servedEvidenceCodec,
  servedProofCodec,
  verifyEcho,
} from '../../../src/wire/light-answers.ts'
import type { MemberRecord } from '../../../src/wire/member-record.ts'
import { decodeRemoval, encodeRemoval } from '../../../src/wire/removal.ts'
import { emptyRoot, encodePublicProof, stateRoot } from '../../../src/wire/state-proof.ts'
import { conformMessage, faultOf, mutations } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const signing = new SigningKey(new Secret(filled(32, 7)))
const network = toHex(filled(32, 1)) as NetworkId

const claim: CheckpointClaim = {
  network: filled(32, 1),
  cut: 1_766_000_000_000,
  publicRoot: filled(32, 2),
  privateRoot: filled(32, 3),
  commitKey: filled(32, 4),
  removals: filled(32, 5),
  manifest: filled(32, 6),
}
const placed: PlacedClaim = {
  node: signing.publicKey,
  sequence: 17,
  previous: filled(32, 8),
  groupClock: 1_766_000_002_345,
  claim: claimCodec.encode(claim),
}
const signed = (content: PlacedClaim): Checkpoint => ({
  ...content,
  signature: signing.sign(checkpointMessage(content)),
})
const checkpoint = signed(placed)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

conformMessage({
  codec: claimCodec,
  samples: { claim, keyless: { ...claim, commitKey: null } },
  arbitrary: fc.record({
    network: bytes32,
    cut: fc.maxSafeNat(),
    publicRoot: bytes32,
    privateRoot: bytes32,
    commitKey: fc.option(bytes32),
    removals: bytes32,
    manifest: bytes32,
  }),
})
conformMessage({
  codec: checkpointCodec,
  samples: { checkpoint },
  mutationsMax: 4000,
  arbitrary: fc.record({
    node: bytes32,
    sequence: fc.maxSafeNat(),
    previous: bytes32,
    groupClock: fc.maxSafeNat(),
    claim: fc.uint8Array({ minLength: 1, maxLength: 512 }),
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  }),
})

const { claim: _, ...cosignature } = signed({ ...placed, sequence: 3 })
const served = {
  checkpoint: checkpointCodec.encode(checkpoint),
  evidence: filled(32, 9),
  cosignatures: [{ ...cosignature, evidence: filled(32, 10) }],
}
conformMessage({ codec: servedCheckpointCodec, samples: { served }, mutationsMax: 4000 })

const proof = encodePublicProof({
  isPublic: true,
  otherRoot: filled(32, 3),
  steps: [],
  end: { kind: 'nothing' },
})
const servedProof = { sequence: 17, proof }
conformMessage({ codec: servedProofCodec, samples: { proof: servedProof }, mutationsMax: 2000 })

const record: MemberRecord = {
  keys: { identity: signing.publicKey, noise: filled(32, 9), kem: filled(1216, 9) },
  evidence: { platform: 'simulated', body: utf8('evidence') },
  possession: filled(64, 12),
}
conformMessage({
  codec: servedEvidenceCodec,
  samples: { evidence: { record, endorsements: [{ kind: 'crl', bytes: utf8('list') }] } },
  mutationsMax: 2000,
})

const item = { network: filled(32, 1), first: filled(300, 1), second: filled(300, 2), record }
conformMessage({
  codec: doubleCheckpointCodec,
  golden: 'double-checkpoint',
  samples: { item },
  mutationsMax: 2000,
})

test('two checkpoints that exclude each other are an item of removal, and told from the others by their keys', () => {
  const bytes = encodeRemoval({ kind: 'double-checkpoint', ...item })
  expect(isDoubleCheckpoint(bytes)).toBe(true)
  expect(isFalseResult(bytes)).toBe(false)
  expect(decodeRemoval(bytes)).toEqual({ kind: 'double-checkpoint', ...item })
})

const unsigned: Omit<AttestationAnswer, 'signature'> = {
  nonce: filled(32, 13),
  record,
  quoted: {
    checkpoint: checkpointCodec.encode(checkpoint),
    evidence: { platform: 'simulated', body: utf8('quote') },
  },
  latest: checkpointCodec.encode(checkpoint),
}
const echo = (content: typeof unsigned): AttestationAnswer => ({
  ...content,
  signature: signing.sign(echoMessage(network, content)),
})
conformMessage({
  codec: attestationAnswerCodec,
  samples: { answer: echo(unsigned), early: echo({ ...unsigned, quoted: null, latest: null }) },
  mutationsMax: 2000,
})

test('a checkpoint holds for the node that signed exactly this, and for no changed byte', () => {
  expect(verifyCheckpoint(checkpoint)).toBe(true)
  let held = 0
  for (const mutated of mutations(checkpointCodec.encode(checkpoint), 4000)) {
    if (equalBytes(mutated, checkpointCodec.encode(checkpoint))) continue
    let read: Checkpoint | undefined
    const fault = faultOf(() => {
      read = checkpointCodec.decode(mutated)
    })
    if (fault === undefined && read !== undefined && verifyCheckpoint(read)) held++
  }
  expect(held).toBe(0)
})

test('each field of place and claim moves the digest', () => {
  const others: PlacedClaim[] = [
    { ...placed, node: filled(32, 1) },
    { ...placed, sequence: 18 },
    { ...placed, previous: filled(32, 9) },
    { ...placed, groupClock: placed.groupClock + 1 },
    ...Object.entries(claim).map(([name, value]) => ({
      ...placed,
      claim: claimCodec.encode({
        ...claim,
        [name]: typeof value === 'number' ? value + 1000 : filled(32, 99),
      }),
    })),
  ]
  const digests = new Set([placed, ...others].map(checkpointDigest))
  expect(digests.size).toBe(others.length + 1)
  for (const other of others) {
    expect(verifyCheckpoint({ ...other, signature: checkpoint.signature })).toBe(false)
  }
})

test('two checkpoints contradict each other by one node and one sequence with different content alone', () => {
  const other = signed({ ...placed, groupClock: placed.groupClock + 1 })
  expect(contradicts(checkpoint, other)).toBe(true)
  expect(contradicts(other, checkpoint)).toBe(true)
  expect(contradicts(checkpoint, checkpoint)).toBe(false)
  // Another signature over the same words is no second word.
  expect(contradicts(checkpoint, { ...checkpoint, signature: filled(64, 1) } as Checkpoint)).toBe(
    false,
  )
  expect(contradicts(checkpoint, signed({ ...placed, sequence: 18 }))).toBe(false)
  expect(contradicts(checkpoint, { ...other, node: filled(32, 1) })).toBe(false)
})

test('a claim with the field of a later version is covered as it was received', () => {
  const later = claimCodec.encode({ ...claim, extensions: new Map([[64, filled(40, 1)]]) })
  const extended = signed({ ...placed, claim: later })
  const read = checkpointCodec.decode(checkpointCodec.encode(extended))
  expect(verifyCheckpoint(read)).toBe(true)
  expect(claimCodec.decode(read.claim).extensions?.get(64)).toEqual(filled(40, 1))
  expect(checkpointDigest(extended)).not.toBe(checkpointDigest(checkpoint))
})

test('the root of a claim is over both of its tries', () => {
  expect(rootOfClaim(claim)).toEqual(stateRoot(claim.publicRoot, claim.privateRoot))
  expect(rootOfClaim({ ...claim, privateRoot: emptyRoot() })).not.toEqual(rootOfClaim(claim))
})

test('a nonce is answered by the identity of the record for one network, evidence, quote and checkpoint', () => {
  const answer = echo(unsigned)
  expect(verifyEcho(network, answer)).toBe(true)
  expect(verifyEcho(toHex(filled(32, 2)) as NetworkId, answer)).toBe(false)
  const { quoted } = unsigned
  const changed: AttestationAnswer[] = [
    { ...answer, nonce: filled(32, 14) },
    { ...answer, latest: null },
    { ...answer, quoted: null },
    { ...answer, record: { ...record, evidence: { platform: 'nitro', body: utf8('evidence') } } },
    { ...answer, record: { ...record, keys: { ...record.keys, identity: filled(32, 1) } } },
    { ...answer, quoted: quoted && { ...quoted, checkpoint: filled(9, 1) } },
    { ...answer, quoted: quoted && { ...quoted, evidence: record.evidence } },
  ]
  for (const one of changed) expect(verifyEcho(network, one)).toBe(false)
})

test('a quote is about one checkpoint on one platform', () => {
  const digest = checkpointDigest(checkpoint)
  const other = checkpointDigest({ ...placed, sequence: 18 })
  const data = checkpointReportData('nitro', digest)
  expect(data.length).toBe(64)
  expect(checkpointReportData('nitro', other)).not.toEqual(data)
  expect(checkpointReportData('tdx', digest)).not.toEqual(data)
})

test('three co-signers and a proof among a thousand public keys fit into 1.5 KB', () => {
  const cosignatures = Array.from({ length: 3 }, () => ({
    ...cosignature,
    sequence: 10_000_000,
    evidence: filled(32, 1),
  }))
  const bundle = servedCheckpointCodec.encode({ ...served, cosignatures })
  const wayBytes = 10 * 33
  const leafBytes = 8 + 48 + 18 + 32 + 32
  const proofBytes = 2 + 32 + 2 + wayBytes + leafBytes
  expect(bundle.length + proofBytes).toBeLessThan(1500)
  expect(() => scanCbor(bundle, { bytesMax: 1500 })).not.toThrow()
})
