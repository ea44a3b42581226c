/**
 * What goes into the custody machine, what comes out, and what it asks of its surroundings.
 *
 * Whatever takes time or belongs to the world is an effect with a `job`, and comes back as one input with that job, or as `failed`. The
 * machine waits for no answer without end: what comes too late is wiped and forgotten.
 */
import type { CustodyEnvelope } from '../../attestation/custody/approvals.ts'
import type { CustodyManifest, GenesisTerms } from '../../attestation/custody/custody-manifest.ts'
import type { RefusalFacts, Verdict } from '../../attestation/verdict.ts'
import type { Digest, NetworkId, NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import type { Instant } from '../../base/time.ts'
import type { CarriedApproval } from '../../wire/custody.ts'
import type { Evidence, NodeKeys } from '../../wire/evidence.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import type { CustodyPhase } from './phase.ts'
import type { CustodyRefusal } from './refusals.ts'

/** A share of one holder: the bytes of a `carriedShareCodec` message. */
export interface InjectedShare {
  readonly alias: string
  readonly share: Uint8Array
}

/** Of callers at the node's doors. Each is answered exactly once, by `reply` or `refuse`, within bounded time. */
export type CustodyRequest =
  | { readonly kind: 'genesisBoot'; readonly request: number; readonly terms: GenesisTerms }
  /** What genesis answered, once more: for who lost the answer. */
  | { readonly kind: 'genesisOutput'; readonly request: number }
  /** An envelope as JSON, approved: this node waits for shares of a key that another one made. */
  | { readonly kind: 'bootStandard'; readonly request: number; readonly envelope: Uint8Array }
  /** An envelope as JSON, approved or not yet: this node waits for the key from another one. */
  | { readonly kind: 'shareManifest'; readonly request: number; readonly envelope: Uint8Array }
  | { readonly kind: 'attestBoot'; readonly request: number }
  | {
      readonly kind: 'injectShares'
      readonly request: number
      readonly namespace: { readonly name: string; readonly nonce: number }
      readonly shares: readonly InjectedShare[]
      /** Of the manifest set, for holders who hold no share. */
      readonly approvals: readonly CarriedApproval[]
    }
  | {
      readonly kind: 'exportKey'
      readonly request: number
      readonly envelope: Uint8Array
      /** The bytes of a `bootAttestationCodec` message of the receiving node. */
      readonly attestation: Uint8Array
    }
  | {
      readonly kind: 'injectKey'
      readonly request: number
      /** The bytes of a `keyExportCodec` message. */
      readonly exported: Uint8Array
      readonly signature: Uint8Array
    }

/** Streams between members. */
export type CustodyProtocol = 'custody-manifest' | 'custody-key'

export type CustodyInput =
  | CustodyRequest
  /** The time of `wakeAt` has come. Harmless at any other time. */
  | { readonly kind: 'tick' }
  /** A request of a connected member. Exactly one `answer` or `refuse` with this number follows; numbers are shared with callers. */
  | {
      readonly kind: 'asked'
      readonly request: number
      readonly from: NodeId
      readonly protocol: CustodyProtocol
      readonly bytes: Uint8Array
    }
  /** The shares of `split`, owned by the machine from now on. */
  | { readonly kind: 'divided'; readonly job: number; readonly shares: readonly Secret[] }
  /** What shares combine to, owned by the machine from now on; `null` if they are no shares of one secret. */
  | { readonly kind: 'combined'; readonly job: number; readonly secret: Secret | null }
  | { readonly kind: 'quoted'; readonly job: number; readonly evidence: Evidence }
  | { readonly kind: 'appraised'; readonly job: number; readonly verdict: Verdict }
  /** The node answered a fresh challenge, and what it answered is trusted. */
  | { readonly kind: 'steppedUp'; readonly job: number }
  /** The pivot handler answered; `hash` is that of the code that runs. */
  | { readonly kind: 'handlerAnswered'; readonly job: number; readonly hash: string }
  | { readonly kind: 'answered'; readonly job: number; readonly bytes: Uint8Array }
  /** Of any job: nothing comes. `code` is the peer's or the world's. */
  | { readonly kind: 'failed'; readonly job: number; readonly code: string }

/** What a caller gets for a request that was not refused. */
export type CustodyAnswer =
  | GenesisAnswer
  | { readonly kind: 'booted'; readonly manifest: Digest }
  /** The bytes of a `bootAttestationCodec` message. */
  | { readonly kind: 'attestation'; readonly attestation: Uint8Array }
  | SharesAnswer
  | { readonly kind: 'exported'; readonly exported: Uint8Array; readonly signature: Uint8Array }
  | { readonly kind: 'keyInjected'; readonly quorumKey: string }

/** What genesis made. Nothing in it is secret: each share is sealed to its holder. */
export interface GenesisAnswer {
  readonly kind: 'genesis'
  readonly quorumKey: string
  /** X-Wing key of this node, to which shares are sealed. */
  readonly kemKey: Uint8Array
  readonly envelope: CustodyEnvelope
  readonly shares: readonly {
    readonly alias: string
    readonly key: string
    readonly sealed: Uint8Array
    /** `shareCommitment`, in hexadecimal. */
    readonly commitment: string
  }[]
  /** The bytes of a `bootAttestationCodec` message; its evidence carries `genesisReportData`. */
  readonly attestation: Uint8Array
}

/** How many of a set have done their part, how many it takes, and who has, by alias. */
export interface Progress {
  readonly have: number
  readonly need: number
  readonly by: readonly string[]
}

/** What became of an injection: each share by the name of its holder. */
export interface SharesAnswer {
  readonly kind: 'shares'
  readonly isProvisioned: boolean
  readonly quorumKey: string
  readonly accepted: readonly string[]
  readonly refused: readonly (CustodyRefusal & { readonly alias: string })[]
  readonly shares: Progress
  /** Of the manifest set. */
  readonly approvals: Progress
}

export type CustodyEffect =
  | { readonly kind: 'reply'; readonly request: number; readonly answer: CustodyAnswer }
  | { readonly kind: 'refuse'; readonly request: number; readonly refusal: CustodyRefusal }
  /** To an `asked` of a member. */
  | { readonly kind: 'answer'; readonly request: number; readonly bytes: Uint8Array }
  /** `shareSecret`: `secret` is lent until the job is answered. If it was wiped meanwhile, the job has `failed`. */
  | {
      readonly kind: 'split'
      readonly job: number
      readonly secret: Secret
      readonly count: number
      readonly threshold: number
    }
  /** `combineShares`: lent likewise. */
  | { readonly kind: 'combine'; readonly job: number; readonly shares: readonly Secret[] }
  /** Evidence of the own TEE with this report data, 64 bytes. */
  | { readonly kind: 'quote'; readonly job: number; readonly reportData: Uint8Array }
  /** Appraise this evidence of a node under the policy in force. */
  | {
      readonly kind: 'appraise'
      readonly job: number
      readonly node: NodeId
      readonly evidence: Evidence
      readonly reportData: Uint8Array
    }
  /** A step-up with purpose `release` on the open member connection. */
  | { readonly kind: 'stepUp'; readonly job: number; readonly node: NodeId }
  /** Ask the pivot handler whether it is well, and what it runs. */
  | { readonly kind: 'checkHandler'; readonly job: number; readonly hash: string }
  | {
      readonly kind: 'ask'
      readonly job: number
      readonly node: NodeId
      readonly protocol: CustodyProtocol
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'phaseChanged'; readonly phase: CustodyPhase }
  /** Something for the log and the record of ceremonies; `warn` is for a human. */
  | {
      readonly kind: 'event'
      readonly level: 'warn' | 'info'
      readonly code: string
      readonly facts: RefusalFacts
    }

/** Who may have a custody manifest here: the machine has no opinion of its own. */
export interface Charter {
  /** Why no key may be made under these terms. */
  genesisFlaw(terms: GenesisTerms): CustodyRefusal | undefined
  /** Why this manifest is none of this network. */
  manifestFlaw(manifest: CustodyManifest): CustodyRefusal | undefined
  /** Whether it says whose approvals count: only then does a node take a manifest from another one by itself. */
  readonly namesHolders: boolean
}

/** A node with an unexpired trusted verdict that is not removed. */
export interface CustodyMember {
  readonly keys: NodeKeys
  readonly instance: Digest
  /** Who runs its machine, if the manifest says so. */
  readonly owner: string | null
}

/** What the machine needs from outside. All synchronous; none may call back into the machine. */
export interface CustodyPorts {
  readonly random: Random
  /** The shared secret of a ciphertext made for this node's KEM key, owned by the caller; `undefined` if malformed. */
  decapsulate(ciphertext: Uint8Array): Secret | undefined
  /** The record of this node. */
  record(): MemberRecord
  /** Who runs the machine of this node, if the manifest says so. */
  owner(): string | null
  /** `undefined` for whoever is no member now. */
  member(node: NodeId): CustodyMember | undefined
  /** Members with an open connection. */
  peers(): readonly NodeId[]
  /** Whether this node is an active member. */
  isActive(): boolean
  charter(): Charter
  /** Another manifest of the network of the nonce in force, with as many approvals. */
  rival(): Digest | null
  /** The policy lease: machines in the roster and those that hear this node. */
  lease(now: Instant): {
    readonly kind: 'held' | 'isolated'
    readonly instances: number
    readonly citing: number
  }
}

export interface CustodyOptions {
  readonly network: NetworkId
  readonly self: NodeId
}
