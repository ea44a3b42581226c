/** Who may hold the quorum key of a network. */
import { expect, test } from 'vitest'
import { charterFlaw } from '../../../../src/attestation/custody/charter.ts'
import {
  type CustodyManifest,
  quorumKeyName,
} from '../../../../src/attestation/custody/custody-manifest.ts'
import type { Manifest } from '../../../../src/attestation/manifest-document.ts'
import { fromHex } from '../../../../src/base/bytes.ts'
import { custodyManifest, pointHolder, testHolders } from '../../../fixtures/holders.ts'
import { production } from '../../../fixtures/manifests.ts'

const holders = testHolders(3)
const keySet = {
  members: holders.map(({ key }) => key.slice(0, 64)).toSorted(),
  threshold: 2,
}
const network: Manifest = { ...production, manifestSet: keySet, shareSet: keySet }
const { name, nonce } = network.founding
const quorumKey = `04${'cd'.repeat(129)}`
const granted = custodyManifest(holders, { namespace: { name, nonce, quorumKey } })

test('what the network grants is granted, in whichever order its holders stand', () => {
  expect(charterFlaw(network, granted)).toBeUndefined()
  const turned = { ...granted.shareSet, members: granted.shareSet.members.toReversed() }
  expect(
    charterFlaw(network, { ...granted, shareSet: turned, manifestSet: turned }),
  ).toBeUndefined()
})

const [first, second] = granted.shareSet.members
const fewer = { members: [first, second].filter(each => each !== undefined), threshold: 2 }
const higher = { ...granted.shareSet, threshold: 3 }

test.each<readonly [Partial<CustodyManifest>, string]>([
  [{ namespace: { name: 'other', nonce, quorumKey } }, 'DIFFERENT_NAMESPACE'],
  [{ namespace: { name, nonce: nonce - 1, quorumKey } }, 'DIFFERENT_NAMESPACE'],
  [{ manifestSet: fewer }, 'DIFFERENT_MANIFEST_SET'],
  [{ manifestSet: higher }, 'DIFFERENT_MANIFEST_SET'],
  [{ shareSet: fewer }, 'DIFFERENT_SHARE_SET'],
  [{ shareSet: higher }, 'DIFFERENT_SHARE_SET'],
  [{ pivot: { hash: '11'.repeat(32), restart: 'never', args: [] } }, 'DIFFERENT_PIVOT'],
])('%#: %s', (change, flaw) => {
  expect(charterFlaw(network, { ...granted, ...change })).toBe(flaw)
})

test('a nonce above that of the network is granted, and holders with keys of other tools are not', () => {
  expect(
    charterFlaw(network, { ...granted, namespace: { name, nonce: nonce + 1, quorumKey } }),
  ).toBeUndefined()
  const members = [1, 2, 3].map(pointHolder).map(({ alias, key }) => ({ alias, key }))
  expect(charterFlaw(network, { ...granted, shareSet: { members, threshold: 2 } })).toBe(
    'DIFFERENT_SHARE_SET',
  )
})

test('once the network names a quorum key no other is granted', () => {
  const named = (key: string) => ({ ...network, namespace: { quorumKey: key } })
  expect(charterFlaw(named('ef'.repeat(32)), granted)).toBe('DIFFERENT_QUORUM_KEY')
  expect(
    charterFlaw(named(quorumKeyName(fromHex(quorumKey) ?? new Uint8Array())), granted),
  ).toBeUndefined()
})
