/**
 * A signer of delegated results is removed when what lasts of the evidence contradicts its word. So whatever an appraisal finds, at
 * its time and with its endorsements, must be found again without either: else an honest member could be made a liar.
 */
import { describe, expect, test } from 'vitest'
import { Checks } from '../../../src/attestation/checks.ts'
import type { Claims, Verification } from '../../../src/attestation/claims.ts'
import { endorsementsIn } from '../../../src/attestation/endorsement-documents.ts'
import { type Endorsements, noEndorsements } from '../../../src/attestation/endorsements.ts'
import type { PlatformName } from '../../../src/attestation/platforms.ts'
import { policyOf } from '../../../src/attestation/policy.ts'
import { vendorKeysOf } from '../../../src/attestation/vendor-keys.ts'
import { anchorsOf, verifyWith } from '../../../src/attestation/verification.ts'
import { appraiserOf } from '../../../src/attestation/verifiers.ts'
import { type Timestamp, timestamp } from '../../../src/base/time.ts'
import {
  admittingPlatforms,
  makeVendors,
  quoteOn,
  realPlatforms,
  vendorsSay,
} from '../../fixtures/mixed-platforms.ts'
import { epoch, parsed, testNetwork } from '../../fixtures/network.ts'
import {
  absence,
  areVectorsAbsent,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../../fixtures/vectors.ts'

interface Asked {
  readonly platform: PlatformName
  readonly body: Uint8Array
  readonly anchors: readonly Uint8Array[]
}

function verify(
  { platform, body, anchors }: Asked,
  now: Timestamp | null,
  endorsements: Endorsements,
): Verification {
  // Where nobody says anything of revoked certificates, as beside the published reports of AMD's chips, it is not asked.
  const open = now === null ? {} : ({ revocation: 'if-present' } as const)
  const request = { body, anchors, endorsements, now, checks: new Checks(), ...open }
  return verifyWith(appraiserOf(platform)!, request)
}

const machineOf = ({ registers, instance, reportData, debug }: Claims) => ({
  ...{ registers, instance, reportData, debug },
})

/** Answers whether the appraisal found anything at all. */
function holdsForEver(asked: Asked, now: Timestamp, endorsements: Endorsements): boolean {
  const found = verify(asked, now, endorsements)
  if (found.kind !== 'claims') return false
  const lasting = verify(asked, null, noEndorsements)
  expect(lasting.kind).not.toBe('refused')
  if (lasting.kind === 'claims') {
    expect(machineOf(lasting.claims)).toEqual(machineOf(found.claims))
  }
  return true
}

describe.skipIf(areVectorsAbsent)(`published evidence${absence}`, () => {
  const vectors = realPlatforms.flatMap(vectorsOf).filter(({ file }) => !file.endsWith('.der'))
  const beside = ({ collateral }: Vector): Endorsements => ({
    items: Object.values(collateral?.files ?? {}).flatMap(file =>
      endorsementsIn(file, vectorBytes(file)),
    ),
  })

  test.each(vectors)('$id: what is found at a time is found for ever', vector => {
    const { platform, file, expected, verify_at } = vector
    const asked = { platform, body: vectorBytes(file), anchors: vendorKeysOf(platform) }
    const isFound = holdsForEver(asked, timestamp(Date.parse(verify_at)), beside(vector))
    if (expected.verdict === 'accept') expect(isFound).toBe(true)
  })
})

const vendors = makeVendors(epoch)
const policy = policyOf(
  parsed(admittingPlatforms(vendors, testNetwork({ seed: 'lasting' }).manifest)),
)

test.each(realPlatforms)(
  'what is found of a machine of %s, or of its evidence with a bit turned, is found for ever',
  platform => {
    const body = quoteOn(vendors, platform, { reportData: new Uint8Array(64).fill(5), now: epoch })
    const endorsements = { items: Object.values(vendorsSay(vendors)[platform]) }
    const appraiser = appraiserOf(platform)
    if (appraiser === undefined) throw new Error(platform)
    const anchors = anchorsOf(platform, appraiser, policy)
    expect(holdsForEver({ platform, body, anchors }, epoch, endorsements)).toBe(true)
    for (let place = 0; place < body.length; place += 7) {
      const changed = body.slice()
      changed[place]! ^= 1 << (place % 8)
      holdsForEver({ platform, body: changed, anchors }, epoch, endorsements)
    }
  },
)
