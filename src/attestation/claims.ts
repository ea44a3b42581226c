/** What a platform's verifier must tell `appraise`, whatever its evidence looks like. */
import type { Timestamp } from '../base/time.ts'
import type { Endorsements } from './endorsements.ts'
import type { TcbStatus } from './manifest-document.ts'
import type { Refusal } from './verdict.ts'

/** Claims whose signature, chain and dates hold. Whether they are good enough is the policy's business. */
export interface Claims {
  /** The machine's own name for itself, as the hardware vouches for it. */
  readonly instance: Uint8Array
  readonly debug: boolean
  /** By the names of the platform table. */
  readonly registers: Readonly<Record<string, Uint8Array>>
  /** Security version of the software. */
  readonly svn: number
  readonly tcb: {
    /** The vendor's word; `UpToDate` where the vendor has none and minimums decide. */
    readonly status: TcbStatus
    /** Component → security version, once for every level the hardware tells (reported, committed). */
    readonly levels: readonly Readonly<Record<string, number>>[]
  }
  /** 64 bytes. */
  readonly reportData: Uint8Array
  /** The first end of validity of whatever vouches for the claims. */
  readonly expiresAt: Timestamp
  /** The latest issue date of whatever vouches for the claims. */
  readonly issuedAt: Timestamp
}

export interface VerificationRequest {
  readonly body: Uint8Array
  /** SubjectPublicKeyInfo of every root that may vouch for this platform. */
  readonly anchors: readonly Uint8Array[]
  readonly endorsements: Endorsements
  /** `null`: the date at which the youngest certificate of its own chain was issued, whatever the time is. */
  readonly now: Timestamp | null
}

/** What came of it: claims, a refusal, or the names of endorsements that are not at hand. */
export type Verification =
  | { readonly kind: 'claims'; readonly claims: Claims }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'undetermined'; readonly missing: readonly string[] }

/**
 * Verifies evidence of one platform: size, form, chain, dates, signature, in this order. Pure; nothing
 * that a peer sends makes it throw anything but `PeerFault`.
 */
export type PlatformVerifier = (request: VerificationRequest) => Verification
