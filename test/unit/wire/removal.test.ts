import { expect, test } from 'vitest'
import { toHex } from '../../../src/base/bytes.ts'
import type { NetworkId } from '../../../src/base/ids.ts'
import { encodeCbor } from '../../../src/wire/cbor.ts'
import { limits } from '../../../src/wire/limits.ts'
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
} from '../../../src/wire/removal.ts'
import type { Codec } from '../../../src/wire/schema.ts'
import { conformMessage, faultOf } from '../../conformance/message.ts'

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte)
const network = filled(32, 0x4e)
const signature = (byte: number): { signer: Uint8Array; signature: Uint8Array } => ({
  signer: filled(32, byte),
  signature: filled(64, byte),
})

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
      ...{ kind: 'double-beat', network, first: filled(40, 0x11), second: filled(40, 0x22) },
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
  const beats = encodeRemoval({ kind: 'double-beat', network, first: beat, second: beat })
  expect(beats.length).toBeLessThan(limits.removalItemBytesMax)
  expect(decodeRemoval(beats).kind).toBe('double-beat')
  const digest = filled(32, 9)
  const ids = Array.from({ length: removalIdsPerPage }, () => digest)
  const list = removalsAnswerCodec.encode({ digest, ids, hasMore: true, items: [] })
  expect(removalsAnswerCodec.decode(list).ids).toHaveLength(removalIdsPerPage)
  const large = filled(limits.removalItemBytesMax, 1)
  const items = Array.from({ length: removalsPerMessage }, () => large)
  const page = removalsAnswerCodec.encode({ digest, ids: [], hasMore: false, items })
  expect(page.length).toBeLessThan(limits.frameBytesMax)
  expect(removalsAnswerCodec.decode(page).items).toHaveLength(removalsPerMessage)
})

test('an item holds exactly one kind of proof', () => {
  const certificate = [0, filled(32, 1), []]
  const doubleBeat = [filled(8, 1), filled(8, 2)]
  const item = (left: typeof certificate | null, right: typeof doubleBeat | null): Uint8Array =>
    encodeCbor(
      new Map<number, number | Uint8Array | null | readonly (Uint8Array | number | [])[]>([
        [0, 1],
        [1, network],
        [2, left as never],
        [3, right],
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
