/** Whom to believe: evidence and a policy in, a verdict out. */
import { assert } from '../base/errors.ts'
import { type Timestamp, timestamp } from '../base/time.ts'
import type { Evidence } from '../wire/evidence.ts'
import type { AppraiserOf } from './claims.ts'
import { type Endorsements, endorsementsDigest } from './endorsements.ts'
import { hexOf, type Judgement, judge, missingOf, refusalOf } from './judgement.ts'
import type { Policy } from './policy.ts'
import type { TrustedVerdict, Verdict } from './verdict.ts'

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

/** As `appraise`, with the appraisers that are at hand: of another platform, evidence is `PLATFORM_NOT_SUPPORTED`. */
export function appraiseWith(appraiserOf: AppraiserOf, appraisal: Appraisal): Verdict {
  const { expectedReportData: reportData, policy, now } = appraisal
  assert(reportData.length === 64, 'expected report data has 64 bytes')
  const judgement = judge(appraisal, {
    ...{ appraiserOf, policy, namesSoftware: true, mainValues: [], reportData, now },
    // What has been revoked may not pass because nobody brought the list.
    revocation: 'required',
  })
  const refusal = refusalOf(judgement)
  if (refusal !== undefined) return { kind: 'refused', ...refusal }
  if (judgement.kind === 'judged') return trusted(judgement, appraisal)
  return { kind: 'undetermined', missing: missingOf(judgement) }
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

function trusted(
  judgement: Extract<Judgement, { kind: 'judged' }>,
  { policy, endorsements, now }: Appraisal,
): TrustedVerdict {
  const { platform, instance, claims, measurement, tcbStatus, expiresAt } = judgement
  assert(measurement !== undefined, 'trusted software has a name in the policy')
  const registers = Object.keys(claims.registers).map(name => [name, hexOf(claims, name)])
  return {
    kind: 'trusted',
    platform,
    instance,
    owner: policy.owners.get(instance) ?? null,
    measurement: measurement.name,
    registers: Object.fromEntries(registers),
    tcb: tcbStatus,
    expiresAt,
    evidenceEndsAt: claims.expiresAt,
    issuedAt: claims.issuedAt,
    testnet: policy.testnet,
    basis: { policy: policy.digest, endorsements: endorsementsDigest(endorsements), at: now },
  }
}
