import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CustodyManifest,
  custodyManifestHash,
  custodyManifestShape,
  successionFlaw,
} from '../../../../src/attestation/custody/custody-manifest.ts'
import { orRefusal } from '../../../../src/attestation/manifest-reader.ts'
import { isRefusal } from '../../../../src/attestation/verdict.ts'
import type { NetworkId } from '../../../../src/base/ids.ts'
import {
  custodyManifest,
  pointHolder,
  publicPart,
  testHolder,
  testHolders,
} from '../../../fixtures/holders.ts'

const holders = testHolders(3)
const manifest = custodyManifest(holders)
const { manifestSet, shareSet, namespace } = manifest

const codeOf = (value: unknown): string | undefined => {
  const read = orRefusal(() => custodyManifestShape(value, 'manifest'))
  return isRefusal(read) ? read.code : undefined
}

test('a manifest is read as it was written, with holders of every kind', () => {
  const mixed = custodyManifest([...holders, pointHolder(1)])
  for (const each of [manifest, mixed]) {
    expect(custodyManifestShape(JSON.parse(JSON.stringify(each)), 'manifest')).toEqual(each)
  }
})

test('the hash names everything in it, whatever the order of keys in the file', () => {
  const turned = Object.fromEntries(
    Object.entries(manifest).toReversed(),
  ) as never as CustodyManifest
  expect(custodyManifestHash(turned)).toBe(custodyManifestHash(manifest))
  const others: CustodyManifest[] = [
    { ...manifest, network: 'ac'.repeat(32) as NetworkId },
    { ...manifest, namespace: { ...namespace, name: 'other' } },
    { ...manifest, namespace: { ...namespace, nonce: 12346 } },
    { ...manifest, pivot: { hash: 'ef'.repeat(32), restart: 'never', args: [] } },
    { ...manifest, manifestSet: { ...manifestSet, threshold: 3 } },
    { ...manifest, shares: manifest.shares.toReversed() },
  ]
  const hashes = [manifest, ...others].map(custodyManifestHash)
  expect(new Set(hashes).size).toBe(hashes.length)
})

describe('is refused', () => {
  const { members } = manifestSet
  const [point, other] = [pointHolder(1), testHolder(9)]
  const signsAsFirst = holders[0]!.key.slice(0, 64) + other.key.slice(64)
  const opensAsFirst = other.key.slice(0, 64) + holders[0]!.key.slice(64)
  const twoOfOne = { members: [publicPart(holders[0]!), publicPart(holders[0]!)], threshold: 2 }
  const cases: Record<string, readonly [unknown, string]> = {
    'with an unknown key': [{ ...manifest, extra: 1 }, 'MANIFEST_KEY_UNKNOWN'],
    'with a manifest set of which two halves could approve two things': [
      {
        ...manifest,
        manifestSet: { ...manifestSet, members: [...testHolders(4)].map(publicPart) },
      },
      'THRESHOLD_NO_MAJORITY',
    ],
    'with a share set of which one holds the key alone': [
      { ...manifest, shareSet: { ...shareSet, threshold: 1 } },
      'THRESHOLD_TOO_LOW',
    ],
    'with a threshold that nobody can reach': [
      { ...manifest, shareSet: { ...shareSet, threshold: 4 } },
      'THRESHOLD_TOO_HIGH',
    ],
    'with a holder twice': [{ ...manifest, shareSet: twoOfOne }, 'ALIAS_TWICE'],
    'with a key under two names': [
      {
        ...manifest,
        manifestSet: {
          ...manifestSet,
          members: [...manifestSet.members, { ...manifestSet.members[0]!, alias: 'another' }],
          threshold: 3,
        },
      },
      'HOLDER_KEY_TWICE',
    ],
    'with one who signs under two names, beside two keys to seal to': [
      {
        ...manifest,
        manifestSet: { members: [...members, { alias: 'again', key: signsAsFirst }], threshold: 3 },
      },
      'HOLDER_KEY_TWICE',
    ],
    'with one who signs as a key of qos and as a single point': [
      {
        ...manifest,
        shareSet: {
          members: [publicPart(point), { alias: 'again', key: point.key.slice(130) }],
          threshold: 2,
        },
      },
      'HOLDER_KEY_TWICE',
    ],
    'with two names whose shares go to one key': [
      {
        ...manifest,
        shareSet: { members: [...members, { alias: 'again', key: opensAsFirst }], threshold: 2 },
      },
      'HOLDER_KEY_TWICE',
    ],
    'with a key of no kind': [
      {
        ...manifest,
        shareSet: {
          ...shareSet,
          members: [{ alias: 'short', key: 'ab'.repeat(33) }, ...shareSet.members],
        },
      },
      'HOLDER_KEY_UNKNOWN',
    ],
    'without a commitment for each share': [
      { ...manifest, shares: manifest.shares.slice(1) },
      'SHARES_MISSING',
    ],
    'with one commitment for two shares': [
      { ...manifest, shares: manifest.shares.map(() => manifest.shares[0]) },
      'SHARE_TWICE',
    ],
  }
  test.each(Object.entries(cases))('%s', (_, [value, code]) => {
    expect(codeOf(value)).toBe(code)
  })

  test('whatever is not a manifest, with a code and no other error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(codeOf(value)).toMatch(/^[A-Z_]+$/)
      }),
    )
  })
})

describe('what a key may be handed on under', () => {
  test('the same manifest, and a later one of the same key and holders', () => {
    const later = { ...manifest, namespace: { ...namespace, nonce: 12346 } }
    const turned = { ...manifestSet, members: manifestSet.members.toReversed() }
    expect(successionFlaw(manifest, manifest)).toBeUndefined()
    expect(successionFlaw(manifest, later)).toBeUndefined()
    expect(successionFlaw(manifest, { ...later, manifestSet: turned })).toBeUndefined()
  })

  test.each([
    ['DIFFERENT_NETWORK', { ...manifest, network: 'ac'.repeat(32) as NetworkId }],
    [
      'DIFFERENT_QUORUM_KEY',
      { ...manifest, namespace: { ...namespace, quorumKey: '05'.repeat(130) } },
    ],
    ['DIFFERENT_MANIFEST_SET', { ...manifest, manifestSet: { ...manifestSet, threshold: 3 } }],
    ['DIFFERENT_NAMESPACE', { ...manifest, namespace: { ...namespace, name: 'other' } }],
    ['LOW_NONCE', { ...manifest, namespace: { ...namespace, nonce: 12344 } }],
    ['DIFFERENT_MANIFEST', { ...manifest, shares: manifest.shares.toReversed() }],
  ] as const)('and not: %s', (code, next) => {
    expect(successionFlaw(manifest, next)).toBe(code)
  })
})
