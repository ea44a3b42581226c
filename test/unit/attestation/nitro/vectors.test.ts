/** Documents that AWS signed, under the root of AWS. */
import { describe, expect, test } from 'vitest'
import type { Appraisal } from '../../../../src/attestation/appraisal.ts'
import { appraise } from '../../../../src/attestation/appraise.ts'
import { Checks } from '../../../../src/attestation/checks.ts'
import type { Fields, Verification } from '../../../../src/attestation/claims.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { draftManifest, tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { nitroAppraiser } from '../../../../src/attestation/nitro/verify.ts'
import { type Policy, policyOf } from '../../../../src/attestation/policy.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import type { Verdict } from '../../../../src/attestation/verdict.ts'
import { verifyWith } from '../../../../src/attestation/verification.ts'
import { fromHex, toHex } from '../../../../src/base/bytes.ts'
import { days, type Timestamp, timestamp } from '../../../../src/base/time.ts'
import { parsed, testNetwork } from '../../../fixtures/network.ts'
import {
  absence,
  areVectorsAbsent,
  unjudgedPlaces,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../../../fixtures/vectors.ts'

const { manifestSet } = testNetwork().manifest
const vectors = vectorsOf('nitro')
const genuine = vectors.filter(({ expected }) => expected.genuine)
const accepted = vectors.filter(({ expected }) => expected.verdict === 'accept')

/** A network that admits this software, and trusts the vendors' roots alone. */
function policyFor(fields: Fields): Policy {
  const registers = Object.fromEntries(
    ['pcr0', 'pcr1', 'pcr2'].map(name => [name, String(fields[name])]),
  )
  const window = { validFrom: '2020-01-01T00:00:00Z', validUntil: '2030-01-01T00:00:00Z' }
  const measurement = {
    name: 'software',
    platform: 'nitro',
    registers,
    svnMin: 0,
    ...window,
  } as const
  return policyOf(
    parsed(
      draftManifest({
        ...{ name: 'production', foundingNonce: 0, manifestSet },
        measurements: [measurement],
        tcb: [tcbRuleOf('nitro')],
      }),
    ),
  )
}

const at = ({ verify_at }: Vector): Timestamp => timestamp(Date.parse(verify_at))

function verify(body: Uint8Array, now: Timestamp | null): Verification {
  const anchors = vendorKeysOf('nitro')
  const request = { body, anchors, endorsements: noEndorsements, now, checks: new Checks() }
  return verifyWith(nitroAppraiser, request)
}

/** The verdict on a body in a network that expects what the document says. */
function judge(vector: Vector, change: Partial<Appraisal> = {}): Verdict {
  const fields = vector.fields ?? accepted[0]?.fields ?? {}
  const evidence = { platform: 'nitro', body: vectorBytes(vector.file) }
  const said = fromHex(String(fields['user_data'] ?? '')) ?? new Uint8Array()
  const expectedReportData = new Uint8Array(64)
  if (said.length === 64) expectedReportData.set(said)
  const policy = policyFor(fields)
  const now = at(vector)
  return appraise({
    evidence,
    expectedReportData,
    endorsements: noEndorsements,
    policy,
    now,
    ...change,
  })
}

const refusals: Readonly<Record<string, string>> = {
  debug: 'DEBUG_ENABLED',
  certificate_not_valid_at_time: 'EVIDENCE_EXPIRED',
  bad_signature: 'SIGNATURE_INVALID',
  bad_certificate: 'EVIDENCE_MALFORMED',
}

describe.skipIf(areVectorsAbsent)(`published documents of Nitro${absence}`, () => {
  test('all are read', () => {
    process.stdout.write(`nitro: ${vectors.length} vectors, ${accepted.length} of them accepted\n`)
    expect(vectors.length).toBeGreaterThanOrEqual(7)
    expect(accepted.length).toBeGreaterThanOrEqual(3)
  })

  test.each(vectors)('$id decodes to the known fields', ({ file, fields }) => {
    expect(nitroAppraiser.fieldsOf(vectorBytes(file)) ?? null).toEqual(fields)
  })

  test.each(accepted)('$id is genuine when it was made, and when nobody asks the time', vector => {
    const body = vectorBytes(vector.file)
    const verification = verify(body, at(vector))
    if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
    const { claims } = verification
    const { fields, valid_window: window = [] } = vector
    expect(toHex(claims.registers['pcr0'] ?? new Uint8Array())).toBe(fields?.['pcr0'])
    expect(toHex(claims.reportData)).toBe(fields?.['user_data'] ?? '')
    expect(new TextDecoder().decode(claims.instance)).toMatch(/^i-[0-9a-f]{17}$/)
    expect(claims).toMatchObject({ debug: false, issuedAt: fields?.['timestamp_ms'] })
    expect(new Date(claims.expiresAt).toISOString()).toBe(window[1])
    expect(verify(body, null)).toEqual(verification)
  })

  test.each(accepted)('$id is trusted up to its report data, which was made for others', vector => {
    const isOfOurLength = String(vector.fields?.['user_data']).length === 128
    const expected = isOfOurLength ? { kind: 'trusted' } : { code: 'REPORT_DATA_MISMATCH' }
    expect(judge(vector)).toMatchObject(expected)
    const now = timestamp(at(vector) + days(1))
    expect(judge(vector, { now })).toMatchObject({ code: 'EVIDENCE_EXPIRED' })
    const policy = testNetwork().policy
    expect(judge(vector, { policy })).toMatchObject({ code: 'PLATFORM_NOT_ALLOWED' })
  })

  const rejected = vectors.filter(({ expected }) => expected.verdict === 'reject')
  test.each(rejected)('$id is refused for the known reason', vector => {
    const [reason = ''] = vector.expected.reasons
    expect(judge(vector)).toMatchObject({ kind: 'refused', code: refusals[reason] })
  })

  test.each(genuine)('$id is refused with any sixteenth byte changed', vector => {
    const isAccepted = (body: Uint8Array): boolean => verify(body, at(vector)).kind !== 'refused'
    const body = vectorBytes(vector.file)
    expect(isAccepted(body)).toBe(true)
    expect(unjudgedPlaces(body, isAccepted)).toEqual([])
  })

  test.each(genuine)('$id is refused when cut short anywhere or prolonged', vector => {
    const body = vectorBytes(vector.file)
    for (let length = 0; length < body.length; length++) {
      expect(verify(body.subarray(0, length), at(vector)).kind).toBe('refused')
    }
    expect(verify(Uint8Array.of(...body, 0), at(vector)).kind).toBe('refused')
  })
})
