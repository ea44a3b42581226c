import { expect, test } from 'vitest'
import { isPlatformName, platformNames, vendorAnchors } from '../../../src/attestation/platforms.ts'
import { vendorKeysOf } from '../../../src/attestation/vendor-keys.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { sha256 } from '../../../src/crypto/hash.ts'

test('each vendor is believed under the keys that the table of anchors names, and nobody for a simulated machine', () => {
  const pairs = platformNames
    .filter(isPlatformName)
    .flatMap(platform => vendorKeysOf(platform).map(key => [platform, toHex(sha256(key))]))
  expect(pairs.toSorted()).toEqual(
    vendorAnchors.map(({ platform, keyDigest }) => [platform, keyDigest]).toSorted(),
  )
})
