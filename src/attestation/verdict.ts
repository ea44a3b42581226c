import type { Digest } from '../base/ids.ts'
import type { Timestamp } from '../base/time.ts'

/** A fact beside a refusal: public and printable. */
export type RefusalFacts = Readonly<Record<string, string | number>>

/** Why something was not accepted. `code` is stable; `facts` name the differing register, both values, dates. */
export interface Refusal {
  readonly code: string
  readonly facts: RefusalFacts
}

/** Evidence held against a policy at a time. `undetermined` is not trusted. */
export type Verdict =
  | TrustedVerdict
  | ({ readonly kind: 'refused' } & Refusal)
  | { readonly kind: 'undetermined'; readonly missing: readonly string[] }

/** A yes: what was believed of which machine, and until when. */
export interface TrustedVerdict {
  readonly kind: 'trusted'
  readonly platform: string
  /** Names the machine behind the evidence: quotas, bans and quorums count these, never node ids. */
  readonly instance: Digest
  /** Who runs the instance, if the manifest says so. */
  readonly owner: string | null
  /** The name of the measurement in the policy that matched. */
  readonly measurement: string
  readonly registers: Readonly<Record<string, string>>
  readonly tcb: string
  /** The first of all expiries: certificates, evidence, policy window, evidence age. */
  readonly expiresAt: Timestamp
  /** When the evidence itself ends: its certificates and what endorses it, whatever the policy grants. */
  readonly evidenceEndsAt?: Timestamp
  /** The latest issue date of what vouches for the evidence: true time is not before it. */
  readonly issuedAt?: Timestamp
  /** The policy's word: every verdict under a testnet manifest says so. */
  readonly testnet: boolean
  /** What it was reached by. Absent where this node did not appraise itself. */
  readonly basis?: VerdictBasis
}

/** All that decides a verdict besides the evidence and the report data that it must carry: appraising by the same again finds the same. */
export interface VerdictBasis {
  readonly policy: Digest
  readonly endorsements: Digest
  readonly at: Timestamp
}

/** Tells a refusal from the value that was asked for; no value in this project has a `code` and `facts`. */
export function isRefusal<T extends object>(value: T | Refusal): value is Refusal {
  return 'code' in value && 'facts' in value
}
