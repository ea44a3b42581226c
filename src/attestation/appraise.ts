/** Whom to believe: evidence and a policy in, a verdict out. */
import { equalConstantTime, toHex, utf8 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { type Digest, digestOf } from '../base/ids.ts'
import { after, type Timestamp, timestamp } from '../base/time.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import type { Evidence } from '../wire/evidence.ts'
import { limits } from '../wire/limits.ts'
import { Checks } from './checks.ts'
import type { Claims, PlatformAppraiser, Verification } from './claims.ts'
import type { Endorsements } from './endorsements.ts'
import { isPlatformName, type PlatformName } from './platforms.ts'
import type { Policy, PolicyMeasurement } from './policy.ts'
import { isRefusal, type Refusal, type RefusalFacts, type Verdict } from './verdict.ts'
import { anchorsOf, appraiserOf, verifyWith } from './verifiers.ts'

/** What is appraised, against what, when. */
export interface Appraisal {
  readonly evidence: Evidence
  /** The 64 bytes that the evidence must carry; the verifier computes them and never reads them from a peer. */
  readonly expectedReportData: Uint8Array
  readonly endorsements: Endorsements
  readonly policy: Policy
  /** Wall time that `clampNow` passed. */
  readonly now: Timestamp
}

/**
 * Holds evidence against a policy at a time: the only door to trust. Pure, and nothing that a peer sends
 * makes it throw.
 *
 * Order: size, platform, form, chain, dates, signature, debug, TCB, measurement, report data, pins; the
 * first thing wrong is the answer.
 *
 * Codes: `EVIDENCE_TOO_LARGE`, `PLATFORM_NOT_SUPPORTED`, `SIMULATED_NOT_TRUSTED`, `PLATFORM_NOT_ALLOWED`,
 * `EVIDENCE_MALFORMED`, `INSTANCE_MISMATCH`, `CHAIN_INVALID`, `UNKNOWN_ANCHOR`, `EVIDENCE_NOT_YET_VALID`,
 * `EVIDENCE_EXPIRED`, `SIGNATURE_INVALID`, `DEBUG_ENABLED`, `TCB_NOT_ALLOWED`, `MEASUREMENT_MISMATCH`,
 * `SVN_TOO_LOW`, `MEASUREMENT_NOT_YET_VALID`, `MEASUREMENT_EXPIRED`, `REPORT_DATA_MISMATCH`,
 * `INSTANCE_NOT_PINNED`.
 *
 * @throws {InvariantError} if the caller expects report data of other than 64 bytes.
 */
export function appraise(appraisal: Appraisal): Verdict {
  const { evidence, expectedReportData, policy } = appraisal
  assert(expectedReportData.length === 64, 'expected report data has 64 bytes')
  if (evidence.body.length > limits.handshakeFrameBytesMax) {
    const bytesMax = limits.handshakeFrameBytesMax
    return refuse('EVIDENCE_TOO_LARGE', { bytes: evidence.body.length, bytesMax })
  }
  const chosen = chooseVerifier(evidence.platform, policy)
  if (isRefusal(chosen)) return { kind: 'refused', ...chosen }
  const verification = verify(chosen, appraisal)
  switch (verification.kind) {
    case 'claims':
      return judge(chosen.platform, verification.claims, appraisal)
    case 'refused':
      return { kind: 'refused', ...verification.refusal }
    case 'undetermined':
      return { kind: 'undetermined', missing: verification.missing }
  }
}

/** Names a machine on a platform, from what its hardware calls itself. */
export function instanceOf(platform: PlatformName, chip: Uint8Array): Digest {
  return digestOf(sha256(framed(domains.instance, utf8(platform), chip)))
}

/**
 * The host's wall time, clamped up to the latest authenticated time: the host owns the wall clock and
 * would set it back to revive what has expired. A result above `wall` is the warning `CLOCK_BEHIND`.
 *
 * `known` are times that true time is not before: the build, `issuedAt` of trusted verdicts, the group
 * clock. Measurement windows are not among them, because a manifest may speak of the future.
 */
export function clampNow(wall: Timestamp, known: readonly Timestamp[]): Timestamp {
  return timestamp(known.reduce<number>((latest, each) => Math.max(latest, each), wall))
}

interface Chosen {
  readonly platform: PlatformName
  readonly appraiser: PlatformAppraiser
}

function refuse(code: string, facts: RefusalFacts): Verdict {
  return { kind: 'refused', code, facts }
}

function chooseVerifier(name: string, policy: Policy): Chosen | Refusal {
  // A platform that is not in the table is a peer's text: it is not repeated.
  if (!isPlatformName(name)) return { code: 'PLATFORM_NOT_SUPPORTED', facts: {} }
  const facts = { platform: name }
  if (name === 'simulated' && !policy.testnet) return { code: 'SIMULATED_NOT_TRUSTED', facts }
  if (!policy.measurements.some(({ platform }) => platform === name)) {
    return { code: 'PLATFORM_NOT_ALLOWED', facts }
  }
  const appraiser = appraiserOf(name)
  if (appraiser === undefined) return { code: 'PLATFORM_NOT_SUPPORTED', facts }
  return { platform: name, appraiser }
}

function verify({ platform, appraiser }: Chosen, appraisal: Appraisal): Verification {
  const { evidence, endorsements, policy, now } = appraisal
  const anchors = anchorsOf(platform, policy)
  const checks = new Checks()
  return verifyWith(appraiser, { body: evidence.body, anchors, endorsements, now, checks })
}

function judge(platform: PlatformName, claims: Claims, appraisal: Appraisal): Verdict {
  const { policy, now } = appraisal
  if (claims.debug) return refuse('DEBUG_ENABLED', { platform })
  const tcb = judgeTcb(platform, claims, policy)
  if (isRefusal(tcb)) return { kind: 'refused', ...tcb }
  const measurement = judgeMeasurement(platform, claims, appraisal)
  if (isRefusal(measurement)) return { kind: 'refused', ...measurement }
  if (!equalConstantTime(claims.reportData, appraisal.expectedReportData)) {
    return refuse('REPORT_DATA_MISMATCH', {
      found: toHex(claims.reportData.subarray(0, 8)),
      expected: toHex(appraisal.expectedReportData.subarray(0, 8)),
    })
  }
  const instance = instanceOf(platform, claims.instance)
  if (policy.pins.size > 0 && !policy.pins.has(instance)) {
    return refuse('INSTANCE_NOT_PINNED', { instance })
  }
  const lapses = after(now, policy.evidenceAge)
  return {
    kind: 'trusted',
    platform,
    instance,
    owner: policy.owners.get(instance) ?? null,
    measurement: measurement.name,
    registers: hexRegisters(claims),
    tcb: tcb.status,
    expiresAt: timestamp(Math.min(claims.expiresAt, measurement.validUntil, lapses)),
    issuedAt: claims.issuedAt,
    testnet: policy.testnet,
  }
}

function judgeTcb(
  platform: PlatformName,
  { tcb }: Claims,
  policy: Policy,
): { readonly status: string } | Refusal {
  const rule = policy.tcb.find(each => each.platform === platform)
  const allowed = rule?.allowed ?? []
  let status = tcb.status
  let lacking: RefusalFacts = {}
  for (const [component, minimum] of Object.entries(rule?.minimum ?? {})) {
    for (const level of tcb.levels) {
      const found = level[component] ?? -1
      if (found >= minimum) continue
      status = 'OutOfDate'
      lacking = { component, found, minimum }
    }
  }
  if (allowed.includes(status)) return { status }
  return { code: 'TCB_NOT_ALLOWED', facts: { status, allowed: allowed.join(' '), ...lacking } }
}

interface Comparison {
  readonly measurement: PolicyMeasurement
  readonly differing: readonly string[]
}

/** The measurement that fits, or the refusal of the one that came closest. */
function judgeMeasurement(
  platform: PlatformName,
  claims: Claims,
  { policy, now }: Appraisal,
): PolicyMeasurement | Refusal {
  const compared = policy.measurements
    .filter(measurement => measurement.platform === platform)
    .map((measurement): Comparison => {
      const differing = Object.keys(measurement.registers).filter(
        register => measurement.registers[register] !== hexOf(claims, register),
      )
      return { measurement, differing }
    })
    .sort((left, right) => left.differing.length - right.differing.length)
  let refusal: Refusal | undefined
  for (const comparison of compared) {
    const broken = brokenMeasurement(comparison, claims, now)
    if (broken === undefined) return comparison.measurement
    refusal ??= broken
  }
  return refusal ?? { code: 'PLATFORM_NOT_ALLOWED', facts: { platform } }
}

function brokenMeasurement(
  { measurement, differing }: Comparison,
  claims: Claims,
  now: Timestamp,
): Refusal | undefined {
  const { name, validFrom, validUntil, svnMin } = measurement
  const [register] = differing
  if (register !== undefined) {
    const allowed = measurement.registers[register] ?? ''
    const facts = { measurement: name, register, found: hexOf(claims, register), allowed }
    return { code: 'MEASUREMENT_MISMATCH', facts }
  }
  if (claims.svn < svnMin) {
    return { code: 'SVN_TOO_LOW', facts: { measurement: name, found: claims.svn, minimum: svnMin } }
  }
  if (now < validFrom) {
    const facts = { measurement: name, validFrom: new Date(validFrom).toISOString() }
    return { code: 'MEASUREMENT_NOT_YET_VALID', facts }
  }
  if (now >= validUntil) {
    const facts = { measurement: name, validUntil: new Date(validUntil).toISOString() }
    return { code: 'MEASUREMENT_EXPIRED', facts }
  }
  return undefined
}

function hexOf(claims: Claims, register: string): string {
  const value = claims.registers[register]
  return value === undefined ? '' : toHex(value)
}

function hexRegisters(claims: Claims): Readonly<Record<string, string>> {
  const entries = Object.keys(claims.registers).map(name => [name, hexOf(claims, name)])
  return Object.fromEntries(entries)
}
