import { InvariantError } from '../base/errors.ts'
import type { Timestamp } from '../base/time.ts'
import type { Evidence } from '../wire/evidence.ts'
import type { Endorsements } from './endorsements.ts'
import type { Policy } from './policy.ts'
import type { Verdict } from './verdict.ts'

/** What is appraised, against what, when. */
export interface Appraisal {
  readonly evidence: Evidence
  /** The 64 bytes that the evidence must carry, computed by the verifier from what it saw itself. */
  readonly expectedReportData: Uint8Array
  readonly endorsements: Endorsements
  readonly policy: Policy
  /** Wall time, already clamped by `clampNow`. */
  readonly now: Timestamp
}

/** Evidence held against a policy at a time: the only door to trust. */
export function appraise(appraisal: Appraisal): Verdict {
  throw new InvariantError(`appraisal of ${appraisal.evidence.platform} is being built`)
}
