/** What a platform's verifier must tell `appraise`, whatever its evidence looks like. */
import type { Timestamp } from '../base/time.ts'
import type { Checks } from './checks.ts'
import type { Endorsements } from './endorsements.ts'
import type { TcbStatus } from './manifest-document.ts'
import type { PlatformName } from './platforms.ts'
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
    /** Names of the vendor's advisories that the status stands for, as in `INTEL-SA-00615`; sorted. */
    readonly advisories?: readonly string[]
    /** When the vendor set the level that the machine is at. */
    readonly date?: Timestamp
    /** Of Intel: how recent the vendor's word is; it rises with every recovery (`tcbEvaluationDataNumber`). */
    readonly evaluationNumber?: number
  }
  /** VM privilege level of who asked for the evidence, where the platform tells it: 0 is the most privileged. */
  readonly privilegeLevel?: number
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
  /** Where AMD's lists of revoked certificates may be absent; DCAP always needs Intel's. `required` unless said. */
  readonly revocation?: 'required' | 'if-present'
  /** Of Intel: what the vendor said under a lower number is out of force, because somebody saw a higher one. */
  readonly evaluationNumberMin?: number
  /** Where what passes is noted. */
  readonly checks: Checks
}

/**
 * What came of it: claims, a refusal, or the names of endorsements that are not at hand or not of now. `check` is the
 * check that did not pass.
 */
export type Verification =
  | { readonly kind: 'claims'; readonly claims: Claims }
  | { readonly kind: 'refused'; readonly check: string; readonly refusal: Refusal }
  | {
      readonly kind: 'undetermined'
      readonly check: string
      readonly missing: readonly string[]
      /** What was wrong with what is at hand, if anything was. */
      readonly why?: string
    }

/**
 * Verifies evidence of one platform: size, form, chain, dates, signature, in this order. Pure; nothing
 * that a peer sends makes it throw anything but `PeerFault`.
 */
export type PlatformVerifier = (request: VerificationRequest) => Verification

/** What is decoded of evidence, believed or not, by the names of the vendor's documents; printable as JSON. */
export type Fields = Readonly<Record<string, FieldValue>>
/** One decoded value: what JSON can say. */
export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [name: string]: FieldValue }

/** Where a judgement finds what is known of a platform: a page loads only those that it meets. */
export type AppraiserOf = (platform: PlatformName) => PlatformAppraiser | undefined

/** Everything that this program knows about evidence of one platform. */
export interface PlatformAppraiser {
  readonly verify: PlatformVerifier
  /** SubjectPublicKeyInfo, DER, of every root that vouches for real machines; none for simulated ones. */
  readonly roots: readonly Uint8Array[]
  /** Ids of the checks that `verify` makes, in its order. */
  readonly checks: readonly string[]
  /** The register that names the software, where somebody pins a single value. */
  readonly mainRegister: string
  /**
   * Decodes without believing, with what is at hand about the evidence; `undefined` for bytes that are no evidence. Never throws.
   */
  readonly fieldsOf: (body: Uint8Array, endorsements?: Endorsements) => Fields | undefined
}
