/**
 * The one judgement of evidence: which questions are asked, in which order, and what came of each. `appraise` makes a verdict of
 * it for a node that must decide, `inspect` an explanation for a person who wants to know why; neither judges anything by itself.
 */
import { equalConstantTime, toHex } from '../base/bytes.ts'
import type { Digest } from '../base/ids.ts'
import { after, type Timestamp, timestamp } from '../base/time.ts'
import type { Evidence } from '../wire/evidence.ts'
import { limits } from '../wire/limits.ts'
import { type Check, Checks } from './checks.ts'
import type {
  AppraiserOf,
  Claims,
  PlatformAppraiser,
  Verification,
  VerificationRequest,
} from './claims.ts'
import type { Endorsements } from './endorsements.ts'
import { instanceOf } from './instance.ts'
import { isPlatformName, type PlatformName } from './platforms.ts'
import type { Policy, PolicyMeasurement } from './policy.ts'
import { judgePrivilege, judgeTcb } from './tcb-judgement.ts'
import { isRefusal, type Refusal } from './verdict.ts'
import { anchorsOf, verifyWith } from './verification.ts'

/** What evidence is held against. */
export interface Demands {
  readonly appraiserOf: AppraiserOf
  readonly policy: Policy
  /** Whether the policy says which software may run. The default policy leaves that to whoever asks. */
  readonly namesSoftware: boolean
  /** Values of the platform's main register, in hexadecimal: one of them must be found, besides what the policy names. */
  readonly mainValues: readonly string[]
  /** All of it, as the platform carries it: 64 bytes but for Nitro. `undefined` where nobody can say what to expect. */
  readonly reportData: Uint8Array | undefined
  /** Wall time that `clampNow` passed. */
  readonly now: Timestamp
  readonly revocation: NonNullable<VerificationRequest['revocation']>
}

/** A question of the policy. The order of `policyQuestions` is the order of the answers. */
export type PolicyQuestion = (typeof policyQuestions)[number]

/** After all that the platform's verifier asks. */
export const policyQuestions = [
  'debug',
  'tcb',
  'privilege-level',
  'measurement',
  'report-data',
  'pins',
] as const

/** `open`: nobody said what to compare with, and trust needs it. `unasked`: the same, and trust does not. */
export interface PolicyAnswer {
  readonly question: PolicyQuestion
  readonly answer: 'pass' | 'open' | 'unasked' | Refusal
}

/** How far the judgement came. */
export type Judgement =
  /** Not a byte was looked at. */
  | {
      readonly kind: 'unread'
      readonly check: 'size' | 'platform-allowed'
      readonly refusal: Refusal
    }
  | ({
      readonly kind: 'unverified'
      readonly verification: Exclude<Verification, { readonly kind: 'claims' }>
    } & Verified)
  | ({ readonly kind: 'judged' } & Verified & Judged)

interface Verified {
  readonly platform: PlatformName
  readonly appraiser: PlatformAppraiser
  /** What the platform's verifier passed. */
  readonly passed: readonly Check[]
}

interface Judged {
  readonly claims: Claims
  readonly instance: Digest
  /** The vendor's word, or what the policy's minimums make of it. */
  readonly tcbStatus: string
  /** The one that the policy names and that fits. */
  readonly measurement: PolicyMeasurement | undefined
  /** One for each of `policyQuestions`. */
  readonly answers: readonly PolicyAnswer[]
  /** The first of all expiries. */
  readonly expiresAt: Timestamp
}

/**
 * Judges evidence. Pure, and nothing that a peer sends makes it throw.
 *
 * Order: size, platform, all that the platform's verifier asks, then `policyQuestions`. The policy's questions cost no
 * arithmetic, so all of them are answered.
 */
export function judge(
  { evidence, endorsements }: { readonly evidence: Evidence; readonly endorsements: Endorsements },
  demands: Demands,
): Judgement {
  const { policy } = demands
  const { body, platform: name } = evidence
  if (body.length > limits.handshakeFrameBytesMax) {
    const facts = { bytes: body.length, bytesMax: limits.handshakeFrameBytesMax }
    return { kind: 'unread', check: 'size', refusal: { code: 'EVIDENCE_TOO_LARGE', facts } }
  }
  const chosen = chooseAppraiser(name, demands)
  if (isRefusal(chosen)) return { kind: 'unread', check: 'platform-allowed', refusal: chosen }
  const { platform, appraiser } = chosen
  const checks = new Checks()
  const { now, revocation } = demands
  const anchors = anchorsOf(platform, appraiser, policy)
  const rule = policy.tcb.find(each => each.platform === platform)
  const asked = { revocation, evaluationNumberMin: rule?.evaluationMin ?? 0 }
  const request = { body, anchors, endorsements, now, ...asked, checks }
  const verification = verifyWith(appraiser, request)
  const verified = { platform, appraiser, passed: checks.passed }
  if (verification.kind !== 'claims') return { kind: 'unverified', verification, ...verified }
  return { kind: 'judged', ...verified, ...judgeClaims(chosen, verification.claims, demands) }
}

/** The first no, in the order in which it was asked. */
export function refusalOf(judgement: Judgement): Refusal | undefined {
  switch (judgement.kind) {
    case 'unread':
      return judgement.refusal
    case 'unverified':
      return judgement.verification.kind === 'refused' ? judgement.verification.refusal : undefined
    case 'judged':
      return judgement.answers
        .map(({ answer }) => answer)
        .find((answer): answer is Refusal => typeof answer === 'object')
  }
}

/** Names of the endorsements that the verifier lacked, or found to be of another time. */
export function missingOf(judgement: Judgement): readonly string[] {
  const isOpen = judgement.kind === 'unverified' && judgement.verification.kind === 'undetermined'
  return isOpen ? judgement.verification.missing : []
}

interface Chosen {
  readonly platform: PlatformName
  readonly appraiser: PlatformAppraiser
}

function chooseAppraiser(name: string, demands: Demands): Chosen | Refusal {
  const { policy, namesSoftware, appraiserOf } = demands
  // A platform that is not in the table is a peer's text: it is not repeated.
  if (!isPlatformName(name)) return { code: 'PLATFORM_NOT_SUPPORTED', facts: {} }
  const facts = { platform: name }
  if (name === 'simulated' && !policy.testnet) return { code: 'SIMULATED_NOT_TRUSTED', facts }
  if (namesSoftware && !policy.measurements.some(({ platform }) => platform === name)) {
    return { code: 'PLATFORM_NOT_ALLOWED', facts }
  }
  const appraiser = appraiserOf(name)
  if (appraiser === undefined) return { code: 'PLATFORM_NOT_SUPPORTED', facts }
  return { platform: name, appraiser }
}

function judgeClaims({ platform, appraiser }: Chosen, claims: Claims, demands: Demands): Judged {
  const { policy, now } = demands
  const rule = policy.tcb.find(each => each.platform === platform)
  const tcb = judgeTcb(claims, rule, now)
  const named = demands.namesSoftware ? judgeMeasurement(platform, claims, demands) : undefined
  const measurement = named === undefined || isRefusal(named) ? undefined : named
  const wrongMain = judgeMain(appraiser.mainRegister, claims, demands.mainValues)
  const isPinned = demands.namesSoftware || demands.mainValues.length > 0
  const instance = instanceOf(platform, claims.instance)
  const answers: Readonly<Record<PolicyQuestion, PolicyAnswer['answer']>> = {
    debug: claims.debug ? { code: 'DEBUG_ENABLED', facts: { platform } } : 'pass',
    tcb: tcb.refusal ?? 'pass',
    'privilege-level':
      claims.privilegeLevel === undefined
        ? 'unasked'
        : (judgePrivilege(platform, claims, rule) ?? 'pass'),
    measurement: isPinned
      ? ((named !== undefined && isRefusal(named) ? named : wrongMain) ?? 'pass')
      : 'open',
    'report-data': judgeReportData(claims, demands.reportData),
    pins: judgePins(instance, policy),
  }
  const ends = [claims.expiresAt, after(now, policy.evidenceAge)]
  if (measurement !== undefined) ends.push(measurement.validUntil)
  if (tcb.graceEndsAt !== undefined) ends.push(tcb.graceEndsAt)
  return {
    claims,
    instance,
    tcbStatus: tcb.status,
    measurement,
    answers: policyQuestions.map(question => ({ question, answer: answers[question] })),
    expiresAt: timestamp(Math.min(...ends)),
  }
}

function judgeReportData(
  { reportData }: Claims,
  expected: Uint8Array | undefined,
): PolicyAnswer['answer'] {
  if (expected === undefined) return 'unasked'
  if (equalConstantTime(reportData, expected)) return 'pass'
  const facts = {
    found: toHex(reportData.subarray(0, 8)),
    expected: toHex(expected.subarray(0, 8)),
  }
  return { code: 'REPORT_DATA_MISMATCH', facts }
}

function judgePins(instance: Digest, { pins }: Policy): PolicyAnswer['answer'] {
  if (pins.size === 0) return 'unasked'
  return pins.has(instance) ? 'pass' : { code: 'INSTANCE_NOT_PINNED', facts: { instance } }
}

function judgeMain(
  register: string,
  claims: Claims,
  values: readonly string[],
): Refusal | undefined {
  const found = hexOf(claims, register)
  if (values.length === 0 || values.includes(found)) return undefined
  return { code: 'MEASUREMENT_MISMATCH', facts: { register, found, allowed: values.join(' ') } }
}

interface Comparison {
  readonly measurement: PolicyMeasurement
  readonly differing: readonly string[]
}

/** The measurement that fits, or the refusal of the one that came closest. */
function judgeMeasurement(
  platform: PlatformName,
  claims: Claims,
  { policy, now }: Demands,
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

/** A register in hexadecimal; empty where the evidence has none. */
export function hexOf(claims: Claims, register: string): string {
  const value = claims.registers[register]
  return value === undefined ? '' : toHex(value)
}
