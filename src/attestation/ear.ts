/**
 * An inspection as an EAT Attestation Result (draft-ietf-rats-ear-04), whose vector is that of AR4SI (draft-ietf-rats-ar4si). Only
 * the tiers are used: finer values would claim more than was looked at.
 */
import type { Timestamp } from '../base/time.ts'
import { version } from '../base/version.ts'
import type { Inspection } from './inspection.ts'
import { policyQuestions } from './judgement.ts'

/** Claims of a JWT. They are worth what the channel is worth that carries them, unless somebody signs them. */
export interface EarClaims {
  readonly eat_profile: string
  /** Seconds since the Unix epoch. */
  readonly iat: number
  readonly exp?: number
  readonly ear_verifier_id: { readonly developer: string; readonly build: string }
  readonly submods: Readonly<Record<string, EarAppraisal>>
}

interface EarAppraisal {
  readonly ear_status: 'none' | 'affirming' | 'warning' | 'contraindicated'
  readonly ear_trustworthiness_vector: Readonly<Record<string, Tier>>
  readonly ear_appraisal_policy_ids: readonly string[]
}

/** AR4SI: no claim, affirming, warning, contraindicated. */
const tiers = { none: 0, affirming: 2, warning: 32, contraindicated: 96 } as const
type Tier = (typeof tiers)[keyof typeof tiers]

/** The claims for one piece of evidence of `platform`, inspected at `now`. */
export function earOf(inspection: Inspection, platform: string, now: Timestamp): EarClaims {
  const { verdict, validUntil } = inspection
  const status = { trusted: 'affirming', refused: 'contraindicated', undetermined: 'none' } as const
  return {
    eat_profile: 'tag:ietf.org,2026:rats/ear#04',
    iat: Math.floor(now / 1000),
    ...(validUntil === null ? {} : { exp: Math.floor(Date.parse(validUntil) / 1000) }),
    ear_verifier_id: { developer: 'coterie', build: version },
    submods: {
      [platform]: {
        ear_status: status[verdict],
        ear_trustworthiness_vector: vectorOf(inspection),
        ear_appraisal_policy_ids: [`coterie:policy:${inspection.policy}`],
      },
    },
  }
}

/**
 * `hardware`: genuine and its firmware allowed. `instance-identity`: a pinned machine. `configuration` and `runtime-opaque`: no debug
 * mode, memory out of the host's sight. `executables`: the measurement. Of what is not looked at nothing is claimed.
 */
function vectorOf({ checks }: Inspection): Readonly<Record<string, Tier>> {
  const outcomes = new Map(checks.map(({ id, outcome }) => [id, outcome]))
  const tierOf = (id: string): Tier => {
    const outcome = outcomes.get(id)
    if (outcome === 'fail') return tiers.contraindicated
    return outcome === 'pass' ? tiers.affirming : tiers.none
  }
  const ofPolicy: ReadonlySet<string> = new Set(['platform-allowed', ...policyQuestions])
  const isForged = checks.some(({ id, outcome }) => outcome === 'fail' && !ofPolicy.has(id))
  const debug = tierOf('debug')
  return {
    'instance-identity': tierOf('pins'),
    configuration: debug,
    executables: tierOf('measurement'),
    hardware: isForged ? tiers.contraindicated : tierOf('tcb'),
    'runtime-opaque': debug,
  }
}
