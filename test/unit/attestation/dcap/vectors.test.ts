/** Quotes of genuine SGX and TDX machines with Intel's collateral of their time, under the root of Intel. */
import { describe, expect, test } from 'vitest'
import { appraise } from '../../../../src/attestation/appraise.ts'
import { type Check, Checks } from '../../../../src/attestation/checks.ts'
import type { Fields, Verification } from '../../../../src/attestation/claims.ts'
import { sgxAppraiser, tdxAppraiser } from '../../../../src/attestation/dcap/verify.ts'
import { type Endorsements, noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { draftManifest, tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { type Policy, policyOf } from '../../../../src/attestation/policy.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import type { Verdict } from '../../../../src/attestation/verdict.ts'
import { verifyWith } from '../../../../src/attestation/verification.ts'
import { concatBytes, fromHex, toHex } from '../../../../src/base/bytes.ts'
import { type Timestamp, timestamp } from '../../../../src/base/time.ts'
import { parsed, testNetwork } from '../../../fixtures/network.ts'
import {
  absence,
  areVectorsAbsent,
  endorsementsBeside,
  unjudgedPlaces,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../../../fixtures/vectors.ts'

type Platform = 'sgx' | 'tdx'

const { manifestSet } = testNetwork().manifest
const appraisers = { sgx: sgxAppraiser, tdx: tdxAppraiser }
const vectors = (['sgx', 'tdx'] as const).flatMap(platform =>
  vectorsOf(platform).map(vector => ({ ...vector, platform })),
)
type DcapVector = (typeof vectors)[number]
const accepted = vectors.filter(({ expected }) => expected.verdict === 'accept')

const at = ({ verify_at }: Vector): Timestamp => timestamp(Date.parse(verify_at))

interface Noted {
  readonly verification: Verification
  readonly passed: readonly Check[]
}

function verify(
  vector: DcapVector,
  body = vectorBytes(vector.file),
  now: Timestamp | null = at(vector),
  endorsements = endorsementsBeside(vector),
): Noted {
  const checks = new Checks()
  const anchors = vendorKeysOf(vector.platform)
  const request = { body, anchors, endorsements, now, checks }
  const verification = verifyWith(appraisers[vector.platform], request)
  return { verification, passed: checks.passed }
}

const foundBy = ({ passed }: Noted, id: string): Check | undefined =>
  passed.find(check => check.id === id)

/** A network that admits this software under the default rule for firmware, and trusts the vendors' roots alone. */
function policyFor(platform: Platform, fields: Fields): Policy {
  const names = { sgx: ['mrenclave'], tdx: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'] }[platform]
  const registers = Object.fromEntries(names.map(name => [name, String(fields[name])]))
  const window = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2030-01-01T00:00:00Z' }
  const measurement = { name: 'software', platform, registers, svnMin: 0, ...window }
  const document = draftManifest({
    ...{ name: 'production', foundingNonce: 0, manifestSet },
    measurements: [measurement],
    tcb: [tcbRuleOf(platform)],
  })
  return policyOf(parsed(document))
}

function judge(vector: DcapVector): Verdict {
  const { platform } = vector
  const fields = vector.fields ?? {}
  return appraise({
    evidence: { platform, body: vectorBytes(vector.file) },
    expectedReportData: fromHex(String(fields['report_data'])) ?? new Uint8Array(64),
    endorsements: endorsementsBeside(vector),
    policy: policyFor(platform, fields),
    now: at(vector),
  })
}

/** Every reason that the vectors give → what this program says to the one that it meets first. */
const refusals: Readonly<Record<string, readonly string[]>> = {
  debug: ['DEBUG_ENABLED'],
  mrservicetd_not_zero: ['SERVICE_TD_BOUND'],
  tcb_level_not_found: ['TCB_LEVEL_UNKNOWN'],
  td_attributes_sept_ve_disable_not_set: ['TD_ATTRIBUTES_NOT_ALLOWED'],
  untrusted_root: ['UNKNOWN_ANCHOR'],
  bad_pck_chain: ['CHAIN_INVALID', 'EVIDENCE_MALFORMED'],
  bad_quote_signature: ['SIGNATURE_INVALID'],
}

const codesOf = (reason: string): readonly string[] =>
  reason.startsWith('tcb_status_') ? ['TCB_NOT_ALLOWED'] : (refusals[reason] ?? [])

describe.skipIf(areVectorsAbsent)(`published quotes of SGX and TDX${absence}`, () => {
  test('all are read', () => {
    const quotes = `${vectors.length} vectors, ${accepted.length} of them accepted`
    process.stdout.write(`sgx and tdx: ${quotes}\n`)
    expect(vectors.length).toBeGreaterThanOrEqual(16)
    expect(accepted.length).toBeGreaterThanOrEqual(4)
  })

  test.each(vectors)('$id decodes to the known fields', ({ platform, file, fields }) => {
    expect(appraisers[platform].fieldsOf(vectorBytes(file))).toEqual(fields)
  })

  test.each(accepted)('$id is trusted', vector => {
    const { tcb_status: status, advisory_ids: advisories } = vector.expected
    expect(judge(vector)).toMatchObject({ kind: 'trusted', tcb: status })
    const { verification } = verify(vector)
    if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
    expect(verification.claims.tcb).toMatchObject({ status, advisories, levels: [] })
    expect(toHex(verification.claims.reportData)).toBe(vector.fields?.['report_data'])
  })

  const rejected = vectors.filter(({ expected }) => expected.verdict === 'reject')
  test.each(rejected)('$id is not trusted, for a known reason', vector => {
    const verdict = judge(vector)
    const { reasons } = vector.expected
    if (reasons.includes('collateral_or_certificate_not_valid_at_time')) {
      expect(verdict).toMatchObject({ kind: 'undetermined' })
    } else {
      expect(verdict.kind).toBe('refused')
      expect(reasons.flatMap(codesOf)).toContain(verdict.kind === 'refused' && verdict.code)
    }
  })

  const judged = vectors.filter(({ expected }) => expected.genuine && expected.tcb_status)
  test.each(judged)('$id has the known status and advisories', vector => {
    const { tcb_status, platform_tcb_status, qe_tcb_status, advisory_ids } = vector.expected
    const noted = verify(vector)
    expect(foundBy(noted, 'platform-level')?.found).toBe(platform_tcb_status)
    expect(foundBy(noted, 'qe-level')?.found).toBe(qe_tcb_status)
    expect(foundBy(noted, 'tcb-status')?.found).toBe(tcb_status)
    expect(foundBy(noted, 'tcb-status')?.why ?? '').toBe(advisory_ids?.join(' '))
  })

  test.each(accepted)('$id is refused with any sixteenth byte changed', vector => {
    const body = exactBytes(vector)
    expect(unjudgedPlaces(body, changed => isVerified(vector, changed))).toEqual([])
  })

  test.each(accepted)(
    '$id decides nothing with any sixteenth byte of what Intel says changed',
    vector => {
      const { items } = endorsementsBeside(vector)
      for (const [place, { kind, bytes }] of items.entries()) {
        const unjudged = unjudgedPlaces(bytes, changed => {
          const endorsements = { items: items.with(place, { kind, bytes: changed }) }
          return isVerified(vector, vectorBytes(vector.file), endorsements)
        })
        expect({ kind, unjudged }).toEqual({ kind, unjudged: [] })
      }
    },
  )

  test.each(accepted)('$id is refused when cut short anywhere', vector => {
    const body = exactBytes(vector)
    for (let length = 0; length < body.length; length++) {
      expect(isVerified(vector, body.subarray(0, length))).toBe(false)
    }
  })

  test.each(accepted)('$id is prolonged in vain', vector => {
    const body = exactBytes(vector)
    for (const tail of [Uint8Array.of(0), new Uint8Array(500), new Uint8Array(500).fill(65)]) {
      expect(isVerified(vector, concatBytes(body, tail))).toBe(vector.platform === 'tdx')
    }
  })

  test.each(accepted)('$id says the same for ever, without any word of Intel', vector => {
    const lasting = verify(vector, exactBytes(vector), null, noEndorsements).verification
    const now = verify(vector).verification
    if (lasting.kind !== 'claims' || now.kind !== 'claims') throw new Error(JSON.stringify(lasting))
    expect(lasting.claims.registers).toEqual(now.claims.registers)
    expect(lasting.claims.instance).toEqual(now.claims.instance)
  })
})

/** Without what follows the quote. */
function exactBytes({ file, fields }: DcapVector): Uint8Array {
  return vectorBytes(file).subarray(0, Number(fields?.['quote_exact_len']))
}

function isVerified(vector: DcapVector, body: Uint8Array, endorsements?: Endorsements): boolean {
  return verify(vector, body, at(vector), endorsements).verification.kind === 'claims'
}
