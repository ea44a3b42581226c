/**
 * What goes into the membership machine, what comes out, and what it asks of its surroundings.
 *
 * The shell maps effects one to one on `host/net/port.ts`: `ask` → `Net.ask` (and back as `answered` or
 * `askFailed`, always one of them), `answer`/`refuse` → the promise of `NetHandlers.asked`, `tell` →
 * `Net.tell(node, 'announce', …)`, `stepUp` → `Net.stepUp`, `openGate` → resolves `memberConnected`.
 */
import type { Finding } from '../../attestation/delegated.ts'
import type { KeySet } from '../../attestation/manifest.ts'
import type {
  Refusal,
  RefusalFacts,
  TrustedVerdict,
  Verdict,
  VerdictBasis,
} from '../../attestation/verdict.ts'
import type { Digest, NetworkId, NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import type { Duration, Instant, Timestamp } from '../../base/time.ts'
import type { EpochKeyKind, SignedAnnouncement } from '../../wire/epoch-key.ts'
import type { Evidence, NodeKeys } from '../../wire/evidence.ts'
import type { MemberPhase } from '../../wire/hello.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import type { Attestor } from './attestor.ts'

/** Where this node stands. `alone` is joining with no active member in reach; `removed` is final. */
export type MembershipPhase = 'joining' | 'alone' | 'active' | 'removed'

/** The failure detector's word on a member; `new` until it has said anything. */
export type Liveness = 'new' | 'alive' | 'suspect' | 'dead'

/** Protocols of member streams that this machine asks and answers. */
export type MembershipProtocol = 'hello' | 'removals' | 'manifest' | 'record' | 'results' | 'key'

/** An identity with its appraised keys. */
export interface AppraisedMember {
  readonly node: NodeId
  readonly keys: NodeKeys
  readonly evidence: Evidence
  readonly verdict: TrustedVerdict
}

/** What a member rests on that this node did not appraise itself. */
export interface Rests {
  /** Signers of the results, each appraised by this node itself. */
  readonly by: readonly NodeId[]
  /** When the first of the results that count runs out. */
  readonly until: Instant
  /** Whether each of them says that the member answered its step-up lately. */
  readonly isFresh: boolean
}

/** What membership takes from the manifest in force. */
export interface ManifestFacts {
  readonly nonce: number
  readonly hash: Digest
  /** Another manifest of this nonce with as many approvals: while there is one, nobody is admitted and no key is released. */
  readonly rival: Digest | null
  /** Whose signatures remove, and how many of them it takes. */
  readonly manifestSet: KeySet
  /** Names of the measurements that may join. A removal of any other name is implied by the manifest. */
  readonly measurements: readonly string[]
  /** Those of them whose last day has passed, in order: they are out as if they had been removed. */
  readonly endedMeasurements: readonly string[]
  /** Per platform instance: identities alive at once, and new ones within an hour. */
  readonly instanceLimits: { readonly live: number; readonly newPerHour: number }
  /** How long a step-up counts as fresh, and how long a verdict holds after it. */
  readonly evidenceAge: Duration
  /** How many delegated results stand for an appraisal, and under which policy they must be; `null`: none ever do. */
  readonly delegation: { readonly k: number; readonly policy: Digest } | null
}

/** Names one epoch key. */
export interface KeyName {
  readonly kind: EpochKeyKind
  readonly id: Digest
}

/** An epoch key that this node holds. `key` is lent: it is wiped when the key's life ends. */
export interface HeldKey extends KeyName {
  readonly key: Secret
}

/** Everything that membership reacts to. */
export type MembershipInput =
  /** Once, first: the node runs and its dial loop has begun. */
  | { readonly kind: 'started' }
  /** The time of `wakeAt` has come. Harmless at any other time. */
  | { readonly kind: 'tick' }
  /** A member connection is open (again). */
  | { readonly kind: 'connected'; readonly member: AppraisedMember }
  /** The last connection to this node closed. Its outstanding asks need no answer any more. */
  | { readonly kind: 'disconnected'; readonly node: NodeId }
  /** A request of a connected member. Exactly one `answer` or `refuse` with this `request` follows, perhaps later. */
  | {
      readonly kind: 'asked'
      readonly request: number
      readonly from: NodeId
      readonly protocol: MembershipProtocol
      readonly bytes: Uint8Array
    }
  /** An `announce` frame of a connected member. */
  | { readonly kind: 'told'; readonly from: NodeId; readonly bytes: Uint8Array }
  /** The answer to an `ask`. */
  | { readonly kind: 'answered'; readonly ask: number; readonly bytes: Uint8Array }
  /** No answer came; `code` is the peer's or the net's. The shell bounds the wait. */
  | { readonly kind: 'askFailed'; readonly ask: number; readonly code: string }
  /** A member answered a step-up: now is its freshness. */
  | { readonly kind: 'steppedUp'; readonly node: NodeId; readonly verdict: TrustedVerdict }
  /** `refused`: it answered with what is not trusted. `unanswered`: no answer came, for any reason. */
  | {
      readonly kind: 'stepUpFailed'
      readonly node: NodeId
      readonly code: string
      readonly how: 'refused' | 'unanswered'
    }
  /** Reason to doubt a member: a broken frame, a forged message. Missed beats come as `livenessChanged`. */
  | { readonly kind: 'suspected'; readonly node: NodeId; readonly code: string }
  /**
   * State is about to go to this member, or come from it. `memberFresh` or `memberNotFresh` follows, at once
   * or when its step-up ended.
   */
  | { readonly kind: 'freshnessNeeded'; readonly node: NodeId }
  /** An accepted heartbeat of a member. */
  | { readonly kind: 'beat'; readonly node: NodeId; readonly phase: MemberPhase }
  /** The failure detector changed its mind. */
  | { readonly kind: 'livenessChanged'; readonly node: NodeId; readonly state: Liveness }
  /** This member said over its own signature that it leaves; it never comes back. */
  | { readonly kind: 'left'; readonly node: NodeId }
  /** A full sync from this member is merged here. */
  | { readonly kind: 'fullSyncCompleted'; readonly node: NodeId }
  /** The commit keys that live entries name now: all others may go. */
  | { readonly kind: 'commitKeysNamed'; readonly ids: readonly Digest[] }
  /** Two beats of this author with one number, as encoded signed bodies, or two checkpoints with one, as encoded. */
  | {
      readonly kind: 'contradicted'
      readonly of: 'beats' | 'checkpoints'
      readonly author: NodeId
      readonly first: Uint8Array
      readonly second: Uint8Array
    }
  /**
   * The state of a network of which nobody lives comes back from a disk, with the commit keys that its entries name, which are owned
   * from here on. `isWhole`: what came back was held against its root, so this node is active now; but only from `alone`.
   */
  | {
      readonly kind: 'recovered'
      readonly keys: readonly {
        readonly announcement: SignedAnnouncement
        readonly key: Secret
      }[]
      readonly isWhole: boolean
    }
  /** Removal items from this node's own door. `removalsJudged` follows at once. */
  | { readonly kind: 'removalItems'; readonly items: readonly Uint8Array[] }
  /** A message of an author without a verdict here; `from` handed it over. */
  | { readonly kind: 'unknownAuthor'; readonly author: NodeId; readonly from: NodeId }
  /** Something sealed or salted under a key that is not held here; `from` handed it over. */
  | { readonly kind: 'unknownKey'; readonly id: Digest; readonly from: NodeId }
  /** This node has newer evidence over the same keys: shown from now on, and told to all. */
  | { readonly kind: 'evidenceRenewed'; readonly evidence: Evidence }
  /** Another manifest is in force, or one of its nonce contradicts it: every verdict is formed anew. */
  | { readonly kind: 'manifestChanged'; readonly manifest: ManifestFacts }
  /** What became of the envelopes of a `manifestCame`, exactly once; `manifestChanged` came before if they are in force. */
  | {
      readonly kind: 'manifestJudged'
      readonly node: NodeId
      readonly refusal: Refusal | null
    }

/** Everything that membership wants done. */
export type MembershipEffect =
  | {
      readonly kind: 'ask'
      readonly ask: number
      readonly node: NodeId
      readonly protocol: MembershipProtocol
      readonly bytes: Uint8Array
    }
  | { readonly kind: 'answer'; readonly request: number; readonly bytes: Uint8Array }
  | { readonly kind: 'refuse'; readonly request: number; readonly code: string }
  /** One `announce` frame. */
  | { readonly kind: 'tell'; readonly node: NodeId; readonly bytes: Uint8Array }
  /** Gossip with this member may start: removal sets were exchanged. */
  | { readonly kind: 'openGate'; readonly node: NodeId }
  | {
      readonly kind: 'stepUp'
      readonly node: NodeId
      readonly purpose: 'step-up' | 're-attest'
    }
  | { readonly kind: 'disconnect'; readonly node: NodeId; readonly code: string }
  /** It sent what no member sends: disconnect it, and turn it away for a while. `suspected` is fed back. */
  | { readonly kind: 'faulted'; readonly node: NodeId; readonly code: string }
  /** A verdict on this identity is new here: release what was held for it. */
  | { readonly kind: 'memberAdded'; readonly node: NodeId }
  /** Stepped up: state and keys may go to it for one evidence age. */
  | { readonly kind: 'memberFresh'; readonly node: NodeId }
  /** It did not step up, or cannot now: whoever waits for it waits no more. */
  | { readonly kind: 'memberNotFresh'; readonly node: NodeId; readonly code: string }
  /** In doubt until it steps up: what was remembered of its evidence does not count. */
  | { readonly kind: 'memberSuspected'; readonly node: NodeId; readonly code: string }
  /** No longer a member here: forget its marks, refuse what it signs. */
  | { readonly kind: 'memberGone'; readonly node: NodeId; readonly code: MemberGoneCode }
  /** `next` says what a person can do, empty if nothing is needed. */
  | { readonly kind: 'phaseChanged'; readonly phase: MembershipPhase; readonly next: string }
  /** Keys that can be opened with since now, and keys that are wiped. */
  | {
      readonly kind: 'keysChanged'
      readonly added: readonly KeyName[]
      readonly dropped: readonly KeyName[]
    }
  /** Which of the items of a `removalItems` input were new, and which were refused. */
  | {
      readonly kind: 'removalsJudged'
      readonly added: number
      readonly refused: readonly Refusal[]
    }
  | { readonly kind: 'removalsGrew'; readonly count: number; readonly digest: Digest }
  /** Envelopes that a member handed over, in the order in which they must be checked. `manifestJudged` follows. */
  | {
      readonly kind: 'manifestCame'
      readonly node: NodeId
      readonly envelopes: readonly Uint8Array[]
    }
  /** Something for the log and the event list; `warn` is for a human. */
  | {
      readonly kind: 'event'
      readonly level: 'warn' | 'info' | 'debug'
      readonly code: string
      readonly node: NodeId | null
      readonly facts: RefusalFacts
    }

/** Why somebody is no longer a member here. */
export type MemberGoneCode =
  | 'REMOVED'
  | 'VERDICT_EXPIRED'
  | 'DEPARTED'
  | 'POLICY_REFUSED'
  | 'RE_ATTEST_REFUSED'
  | 'RESULTS_WITHDRAWN'
  | 'LEFT'

/** What membership needs from outside. All synchronous; none may call back into the machine. */
export interface MembershipPorts {
  /** Ed25519 signature of this node's identity key. */
  sign(message: Uint8Array): Uint8Array
  /** The shared secret of a ciphertext made for this node's KEM key, owned by the caller; `undefined` if malformed. */
  decapsulate(ciphertext: Uint8Array): Secret | undefined
  /** Key evidence against the policy in force, now. Quick: no I/O. */
  appraise(keys: NodeKeys, evidence: Evidence): Verdict
  /** What a finding of others is worth under the policy in force. */
  judgeFinding(finding: Finding): TrustedVerdict | Refusal
  /** The verdict on key evidence by exactly this basis; `undefined` if these endorsements are not at hand, or the policy is not in force. */
  rerun(keys: NodeKeys, evidence: Evidence, basis: VerdictBasis): Verdict | undefined
  /** The part of an appraisal that everybody answers alike for ever, and what of it the manifest in force names. */
  readonly attestor: Attestor
  /** Envelopes that lead from the nonce `above` to the manifest of this hash, in order; none if it is not held. */
  manifestSteps(hash: Digest, above: number): readonly Uint8Array[]
  /** The host's clock: only certificate dates are held against it, beside monotonic time. */
  wall(): Timestamp
  readonly random: Random
}

/** How this node behaves; nothing here weakens a protection that the manifest names. */
export interface MembershipOptions {
  readonly network: NetworkId
  readonly self: AppraisedMember
  readonly manifest: ManifestFacts
  /** Whether to found the network if no active member answers within `foundWait`. */
  readonly isFounder: boolean
  /** Whether the founding block lists this node, or the network is a testnet. */
  readonly mayFound: boolean
  /** How long a founder tries every known address first; a joiner says `alone` after twice that. */
  readonly foundWait: Duration
}

/** A member as the rest of the node sees it. */
export interface MemberFacts extends AppraisedMember {
  readonly phase: MemberPhase
  readonly liveness: Liveness
  readonly isConnected: boolean
  readonly isFresh: boolean
  /** When the verdict lapses by this node's monotonic clock. */
  readonly expiresAt: Instant
  /** `null`: this node appraised it itself. */
  readonly rests: Rests | null
}

/** Pure reads of the machine; none changes anything. */
export interface MembershipQueries {
  readonly phase: MembershipPhase
  /** What a person can do in this phase, empty if nothing. */
  readonly next: string
  readonly removalDigest: Digest
  readonly removalCount: number
  /** All removal items, as they came. */
  removalItems(): readonly Uint8Array[]
  /** The key to seal under: the smallest usable id; `undefined` while none is usable and writes wait. */
  sealingKey(kind: EpochKeyKind, now: Instant): HeldKey | undefined
  /** The key of this id if it is held and its life has not ended. */
  openingKey(id: Digest, now: Instant): HeldKey | undefined
  /** A key with the word of its creator, to be sealed for a network of which nobody lives; `undefined` if it is not held. Lent. */
  keptKey(
    id: Digest,
    now: Instant,
  ): { readonly announcement: SignedAnnouncement; readonly key: Secret } | undefined
  /** Keys, evidence and possession of a member or of this node, to hand on; `undefined` if they are not all known. */
  record(node: NodeId, now: Instant): MemberRecord | undefined
  keyCounts(now: Instant): Readonly<Record<EpochKeyKind, number>>
  /** Whether this identity holds an unexpired trusted verdict and is not removed; true of this node itself. */
  isMember(node: NodeId, now: Instant): boolean
  /** Whether a member has also stepped up within the evidence age: state and keys may go to it. */
  isFresh(node: NodeId, now: Instant): boolean
  member(node: NodeId, now: Instant): MemberFacts | undefined
  /** All members but this node, in node id order. */
  members(now: Instant): readonly MemberFacts[]
  /** Why this identity may not connect at all; `undefined` if it may. */
  barred(node: NodeId): Refusal | undefined
  /** Why this appraised identity may not join now: removed, or its instance is at a limit. */
  admissible(node: NodeId, verdict: TrustedVerdict, now: Instant): Refusal | undefined
}
