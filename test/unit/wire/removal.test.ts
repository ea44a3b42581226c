import { expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { kemBytes } from '../../../src/crypto/kem-bytes.ts'
import { type CborValue, encodeCbor } from '../../../src/wire/cbor.ts'
import { limits } from '../../../src/wire/limits.ts'
import type { MemberRecord } from '../../../src/wire/member-record.ts'
import {
  decodeRemoval,
  encodeRemoval,
  type RemovalClaim,
  type RemovalItem,
  removalClaimId,
  removalIdsPerPage,
  removalScopes,
  removalSignaturesMax,
  removalsAnswerCodec,
  removalsPerMessage,
  removalsRequestCodec,
  removalsThatFit,
} from '../../../src/wire/removal.ts'
import type { Codec } from '../../../src/wire/schema.ts'
import { conformMessage, faultOf } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const network = filled(32, 0x4e)
const signature = (byte: number): { signer: Uint8Array; signature: Uint8Array } => ({
  signer: filled(32, byte),
  signature: filled(64, byte),
})

const record: MemberRecord = {
  keys: { identity: filled(32, 3), noise: filled(32, 4), kem: filled(kemBytes.publicKey, 5) },
  evidence: { platform: 'simulated', body: filled(50, 6) },
  possession: filled(64, 7),
}

const removalCodec: Codec<RemovalItem> = {
  ...{ family: 'removal', encode: encodeRemoval, decode: decodeRemoval },
  limits: { bytesMax: limits.removalItemBytesMax },
}

conformMessage<RemovalItem>({
  codec: removalCodec,
  mutationsMax: 2000,
  samples: {
    certificate: {
      ...{ kind: 'certificate', network, scope: 'instance', subject: filled(32, 0x55) },
      signatures: [signature(1), signature(2)],
    },
    doubleBeat: {
      ...{
        kind: 'double-beat',
        network,
        first: filled(40, 0x11),
        second: filled(40, 0x22),
        record,
      },
    },
  },
})

conformMessage({
  codec: removalsRequestCodec,
  mutationsMax: 2000,
  samples: {
    list: { after: null, ids: [] },
    page: { after: filled(32, 7), ids: [] },
    items: { after: null, ids: [filled(32, 1), filled(32, 2)] },
  },
})

conformMessage({
  codec: removalsAnswerCodec,
  mutationsMax: 2000,
  samples: {
    list: { digest: filled(32, 9), ids: [filled(32, 1)], hasMore: true, items: [] },
    items: { digest: filled(32, 9), ids: [], hasMore: false, items: [filled(20, 3)] },
  },
})

test('the largest item, list and page of items fit their limits', () => {
  const subject = filled(32, 1)
  const signatures = Array.from({ length: removalSignaturesMax }, (_, i) => signature(i))
  const scope = 'identity'
  const item = encodeRemoval({ kind: 'certificate', network, scope, subject, signatures })
  expect(item.length).toBeLessThan(limits.removalItemBytesMax)
  const beat = filled(limits.heartbeatBytesMax + 512, 1)
  const evidence = { platform: 'p'.repeat(32), body: filled(limits.removalEvidenceBytesMax, 1) }
  const beats = encodeRemoval({
    ...{ kind: 'double-beat', network, first: beat, second: beat },
    record: { ...record, evidence },
  })
  expect(beats.length).toBeLessThan(limits.removalItemBytesMax)
  expect(decodeRemoval(beats).kind).toBe('double-beat')
  const digest = filled(32, 9)
  const ids = Array.from({ length: removalIdsPerPage }, () => digest)
  const list = removalsAnswerCodec.encode({ digest, ids, hasMore: true, items: [] })
  expect(removalsAnswerCodec.decode(list).ids).toHaveLength(removalIdsPerPage)
  for (const size of [1, 300, 12_000, limits.removalItemBytesMax]) {
    const many = Array.from({ length: removalsPerMessage + 1 }, () => filled(size, 1))
    const items = removalsThatFit(many)
    const page = removalsAnswerCodec.encode({ digest, ids: [], hasMore: false, items })
    expect(page.length).toBeLessThan(limits.frameBytesMax)
    expect(removalsAnswerCodec.decode(page).items).toEqual(items)
    expect(items.length).toBeGreaterThanOrEqual(6)
    expect(items.length).toBeLessThanOrEqual(removalsPerMessage)
  }
  expect(removalsThatFit([])).toEqual([])
})

test('evidence that is too large for an item is refused', () => {
  const body = filled(limits.removalEvidenceBytesMax + 1, 1)
  const beat = filled(40, 1)
  const large = { ...record, evidence: { platform: 'simulated', body } }
  const item = { kind: 'double-beat', network, first: beat, second: beat, record: large } as const
  expect(faultOf(() => decodeRemoval(encodeRemoval(item)))).toBe('BAD_FIELD')
})

test('an item holds exactly one kind of proof', () => {
  const certificate = [0, filled(32, 1), []]
  const { identity, noise, kem } = record.keys
  const { platform, body } = record.evidence
  const onWire = [[identity, noise, kem], [platform, body], record.possession]
  const doubleBeat = [filled(8, 1), filled(8, 2), onWire]
  const item = (left: typeof certificate | null, right: typeof doubleBeat | null): Uint8Array =>
    encodeCbor(
      new Map<number, CborValue>([
        [0, 1],
        [1, network],
        [2, left as CborValue],
        [3, right as CborValue],
      ]),
    )
  expect(decodeRemoval(item(certificate, null)).kind).toBe('certificate')
  expect(decodeRemoval(item(null, doubleBeat)).kind).toBe('double-beat')
  expect(faultOf(() => decodeRemoval(item(certificate, doubleBeat)))).toBe('BAD_MESSAGE')
  expect(faultOf(() => decodeRemoval(item(null, null)))).toBe('BAD_MESSAGE')
})

test('a claim is named by network, scope and subject, and by nothing else', () => {
  const here = toHex(network) as NetworkId
  const elsewhere = toHex(filled(32, 0x4f)) as NetworkId
  const claims: RemovalClaim[] = removalScopes.map(scope => ({ scope, subject: filled(32, 1) }))
  const ids = [
    ...claims.map(claim => removalClaimId(here, claim)),
    removalClaimId(elsewhere, claims[0] as RemovalClaim),
    removalClaimId(here, { scope: 'identity', subject: filled(32, 2) }),
  ]
  expect(new Set(ids).size).toBe(ids.length)
})
