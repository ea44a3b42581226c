import { expect, test } from 'vitest'
import {
  approversOf,
  type CustodyApproval,
  encodeCustodyEnvelope,
  isApproved,
  parseCustodyEnvelope,
} from '../../../../src/attestation/custody/approvals.ts'
import { custodyManifestHash } from '../../../../src/attestation/custody/custody-manifest.ts'
import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { approvalOf, custodyManifest, pointHolder, testHolders } from '../../../fixtures/holders.ts'

const holders = testHolders(3)
const point = pointHolder(1)
const manifest = custodyManifest([...holders, point])
const hash = custodyManifestHash(manifest)
const word = (index: number): CustodyApproval =>
  approvalOf(holders[index]!, { role: 'manifest', manifest: hash })
const approvers = (...approvals: CustodyApproval[]): readonly string[] => [
  ...approversOf({ manifest, approvals }),
]

test('more than half of the manifest set approves, whatever their keys are', () => {
  const approvals = [word(0), word(1), approvalOf(point, { role: 'manifest', manifest: hash })]
  expect(approvers(...approvals)).toEqual(['member1', 'member2', 'point1'])
  expect(isApproved({ manifest, approvals })).toBe(true)
  expect(isApproved({ manifest, approvals: approvals.slice(1) })).toBe(false)
})

test('a holder counts once, however often and in whichever spelling it signed', () => {
  const ecdsa = approvalOf(point, { role: 'manifest', manifest: hash })
  const n = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const s = BigInt(`0x${ecdsa.signature.slice(64)}`)
  // The other root of the same equation: as valid as the first.
  const other = {
    ...ecdsa,
    signature: ecdsa.signature.slice(0, 64) + (n - s).toString(16).padStart(64, '0'),
  }
  expect(approvers(other)).toEqual(['point1'])
  expect(isApproved({ manifest, approvals: [ecdsa, other, word(0), word(0)] })).toBe(false)
})

test('what is not an approval of this manifest counts for nothing', () => {
  const node = new Uint8Array(32).fill(1)
  const changed = fromHex(word(0).signature)!
  changed[3]! ^= 1
  for (const approval of [
    { ...word(0), signature: toHex(changed) },
    { ...word(0), alias: 'member2' },
    { ...word(0), alias: 'stranger' },
    // Given for a share, or for a manifest with another hash.
    approvalOf(holders[0]!, { role: 'share', manifest: hash, node }),
    { ...approvalOf(holders[0]!, { role: 'share', manifest: hash }), role: 'manifest' as const },
    approvalOf(holders[0]!, {
      role: 'manifest',
      manifest: custodyManifestHash({
        ...manifest,
        pivot: null,
        shares: manifest.shares.toReversed(),
      }),
    }),
  ]) {
    expect(approvers(approval)).toEqual([])
  }
})

test('an envelope is read as it was written', () => {
  const envelope = { manifest, approvals: [word(0), word(2)] }
  expect(parseCustodyEnvelope(encodeCustodyEnvelope(envelope))).toEqual(envelope)
})
