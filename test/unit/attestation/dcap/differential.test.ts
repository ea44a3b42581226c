/**
 * Published quotes held against another program, @phala/dcap-qvl 0.3.9. The two agree about all of them. They are known to
 * disagree about the first two TDX versions of a module of the second generation, which Intel's library leaves to the module's
 * own levels and the other program compares with the platform's; no quote here shows it. And they disagree about lists.
 */
import { describe, expect, test } from 'vitest'
import { Checks } from '../../../../src/attestation/checks.ts'
import { sgxAppraiser, tdxAppraiser } from '../../../../src/attestation/dcap/verify.ts'
import type { Endorsements } from '../../../../src/attestation/endorsements.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import { verifyWith } from '../../../../src/attestation/verification.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { timestamp } from '../../../../src/base/time.ts'
import { askOracle, collateralBytesOf, collateralForOracle } from '../../../fixtures/dcap-oracle.ts'
import {
  absence,
  areVectorsAbsent,
  endorsementsBeside,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../../../fixtures/vectors.ts'

const appraisers = { sgx: sgxAppraiser, tdx: tdxAppraiser }
const vectors = (['sgx', 'tdx'] as const).flatMap(platform =>
  vectorsOf(platform)
    .filter(({ collateral }) => Object.keys(collateral?.files ?? {}).length === 5)
    .map(vector => ({ ...vector, platform })),
)
type DcapVector = (typeof vectors)[number]

const at = ({ verify_at }: Vector): number => Date.parse(verify_at)

/** Our status, or that we refuse: debug and the allow-list of statuses are the policy's business, not the verifier's. */
function ours(vector: DcapVector, endorsements: Endorsements = endorsementsBeside(vector)): string {
  const { platform, file } = vector
  const verification = verifyWith(appraisers[platform], {
    body: vectorBytes(file),
    anchors: vendorKeysOf(platform),
    ...{ endorsements, now: timestamp(at(vector)), checks: new Checks() },
  })
  if (verification.kind !== 'claims') return 'refused'
  return verification.claims.debug ? 'refused' : verification.claims.tcb.status
}

function theirs(vector: DcapVector, change: object = {}): string {
  const collateral = { ...collateralForOracle(collateralBytesOf(vector)), ...change }
  const answer = askOracle(vectorBytes(vector.file), collateral, at(vector))
  return 'status' in answer ? answer.status : 'refused'
}

describe.skipIf(areVectorsAbsent)(`published quotes and @phala/dcap-qvl${absence}`, () => {
  test.each(vectors)('$id is judged alike', vector => {
    expect(ours(vector)).toBe(theirs(vector))
  })

  const [sample] = vectors.filter(({ expected }) => expected.verdict === 'accept')
  test.each(['pck_crl', 'root_ca_crl'])(
    'a %s that is garbage revokes nothing there, and lets nobody in here',
    name => {
      if (sample === undefined) throw new Error('a quote that is accepted')
      const junk = new Uint8Array(64).fill(0x5a)
      expect(theirs(sample, { [name]: toHex(junk) })).toBe(sample.expected.tcb_status)
      const file = sample.collateral?.files[name] ?? ''
      const genuine = toHex(vectorBytes(file))
      const items = endorsementsBeside(sample).items.map(item =>
        toHex(item.bytes) === genuine ? { ...item, bytes: junk } : item,
      )
      expect(ours(sample, { items })).toBe('refused')
    },
  )
})
