/** What holders read before they approve. */
import { expect, test } from 'vitest'
import type { CustodyManifest } from '../../../../src/attestation/custody/custody-manifest.ts'
import {
  custodyChanges,
  explainCustodyManifest,
} from '../../../../src/attestation/custody/custody-text.ts'
import type { NetworkId } from '../../../../src/base/ids.ts'
import { custodyManifest, pointHolder, publicPart, testHolders } from '../../../fixtures/holders.ts'

const manifest = custodyManifest(testHolders(3))
const other = {
  ...manifest.shareSet,
  members: [publicPart(pointHolder(1)), ...manifest.shareSet.members.slice(1)],
}

test.each<readonly [string, Partial<CustodyManifest>]>([
  ['network', { network: 'cd'.repeat(32) as NetworkId }],
  ['name', { namespace: { ...manifest.namespace, name: 'other' } }],
  ['nonce', { namespace: { ...manifest.namespace, nonce: 1 } }],
  ['quorum key', { namespace: { ...manifest.namespace, quorumKey: `04${'ce'.repeat(129)}` } }],
  ['pivot', { pivot: { hash: '11'.repeat(32), restart: 'never', args: ['a'] } }],
  ['a holder of shares', { shareSet: other }],
  ['an approver', { manifestSet: other }],
  ['threshold of shares', { shareSet: { ...manifest.shareSet, threshold: 3 } }],
  ['threshold of approvers', { manifestSet: { ...manifest.manifestSet, threshold: 3 } }],
  ['shares', { shares: manifest.shares.toReversed() }],
])('no change goes unsaid: %s', (_, change) => {
  const { gone, comes } = custodyChanges(manifest, { ...manifest, ...change })
  expect(gone.length + comes.length).toBeGreaterThan(0)
})

test('what does not change is not said, and every holder is named with a fingerprint', () => {
  expect(custodyChanges(manifest, manifest)).toEqual({ gone: [], comes: [] })
  const sentences = explainCustodyManifest(manifest)
  for (const { alias } of manifest.shareSet.members) {
    const told = sentences.filter(sentence =>
      new RegExp(`^${alias} is .*: [0-9a-f]{64}\\.$`).test(sentence),
    )
    expect(told).toHaveLength(2)
  }
})
