/**
 * The replica as its shell sees it: what goes in, what comes out, what it needs and what may be asked.
 *
 * The shell verifies envelopes before `batchReceived`, carries bytes and wakes the machine; every decision
 * about state is the machine's.
 */
import type { WriteRule } from '../../attestation/manifest.ts'
import type { Digest, NetworkId, NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Duration, Instant, Timestamp } from '../../base/time.ts'
import type { KeyProof } from '../../wire/state-proof.ts'

/**
 * How many members besides this node must hold a write before it counts as acknowledged: none, a number
 * (0 means `local`), or so many that with this node they run on more than half of the platform instances
 * of the active roster.
 */
export type AckLevel = 'local' | 'majority' | number

/** So much may be held: cells, tombstones included, and their bytes. */
export interface QuotaShare {
  readonly entries: number
  readonly bytes: number
}

export interface QuotaRules {
  /** Of all authors on one platform instance together, whatever number of identities it makes. */
  readonly instance: QuotaShare
  /** Of all authors together whose instance this node never knew: they departed before it came. */
  readonly departed: QuotaShare
}

/** What the manifest says of the state. All members must apply the same. */
export interface StateRules {
  readonly write: readonly WriteRule[]
  /** Key prefixes that light clients may read: their leaves are in the public trie. */
  readonly publicPrefixes: readonly string[]
  readonly quota: QuotaRules
  /** A stamp further ahead of the group clock is not merged; as it was unless said. */
  readonly maxDrift?: Duration
}

/**
 * What a caller wants done. `delete` removes all that this node sees under the key, whatever its kind; but a
 * counter stays for ever, because its slots are their authors' alone.
 */
export type Operation =
  | { readonly kind: 'set'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'add'; readonly key: string; readonly element: Uint8Array }
  | { readonly kind: 'remove'; readonly key: string; readonly element: Uint8Array }
  /** Takes the place of all values that this node sees under the key; concurrent assignments stay beside it. */
  | { readonly kind: 'assign'; readonly key: string; readonly value: Uint8Array }
  /** Adds `by`, a safe integer of either sign, to a counter. */
  | { readonly kind: 'increment'; readonly key: string; readonly by: number }

/**
 * Why a write did not happen, or is not known to have spread.
 *
 * `NO_PEER_TO_ACK`, `NOT_READY`, `KEY_TOO_LONG`, `BAD_KEY`, `NOT_YOURS`, `VALUE_TOO_LARGE`, `WRONG_KIND`,
 * `NO_WRITE_RULE`, `NOT_FOR_MEMBERS`, `BAD_VALUE`, `QUOTA_FULL`, `BAD_AMOUNT`, `COUNTER_FULL`, `COUNTER_STAYS`,
 * `QUEUE_FULL`, `STOPPING`: nothing was applied. `ACK_TIMEOUT`: applied here, spread unknown.
 */
export type WriteRefusal =
  | 'NOT_READY'
  | 'NO_PEER_TO_ACK'
  | 'ACK_TIMEOUT'
  | 'KEY_TOO_LONG'
  | 'BAD_KEY'
  | 'NOT_YOURS'
  | 'VALUE_TOO_LARGE'
  | 'WRONG_KIND'
  | 'NO_WRITE_RULE'
  | 'NOT_FOR_MEMBERS'
  | 'BAD_VALUE'
  | 'QUOTA_FULL'
  | 'BAD_AMOUNT'
  | 'COUNTER_FULL'
  | 'COUNTER_STAYS'
  | 'QUEUE_FULL'
  | 'STOPPING'

/** Why this node does not serve state to a member that asked. */
export type ServeRefusal = 'NOT_ACTIVE' | 'BAD_REQUEST'

/** One member of the roster, this node included. */
export interface ReplicaMember {
  readonly node: NodeId
  /** The platform instance it runs on: what `majority` and the group clock count. */
  readonly instance: string
  readonly phase: 'joining' | 'active'
}

/** One write; `id` is the caller's, unique among writes under way. */
export interface AskedWrite {
  readonly id: number
  readonly operation: Operation
  readonly ack: AckLevel
}

/** What the machine is told. Nothing in it is kept by reference after the step but strings. */
export type ReplicaInput =
  | { readonly kind: 'tick' }
  /** `joining` at first: writes wait, nothing is served or acknowledged. `stopping`: writes are refused. */
  | { readonly kind: 'phaseChanged'; readonly phase: 'joining' | 'active' | 'stopping' }
  /**
   * Another manifest is in force. What is held and breaks its rules is dropped; what they allow that was refused
   * before comes back by sync. Watchers start anew (`CURSOR_GONE`).
   */
  | { readonly kind: 'rulesChanged'; readonly rules: StateRules }
  /** A founder's only look at a wall clock; `notBefore` is the later of build and manifest time. */
  | { readonly kind: 'founded'; readonly wall: Timestamp; readonly notBefore: Timestamp }
  /** The whole roster with this node, whenever it changes. */
  | { readonly kind: 'membersChanged'; readonly members: readonly ReplicaMember[] }
  /** `ask` and `tell` to this member work from now on (gate open or not), until `disconnected`. */
  | { readonly kind: 'connected'; readonly node: NodeId }
  | { readonly kind: 'disconnected'; readonly node: NodeId }
  /** An accepted beat of another member; `root` is the 32-byte state root in it, `null` if it had none. */
  | {
      readonly kind: 'beat'
      readonly node: NodeId
      readonly root: Uint8Array | null
      readonly groupClock: number
    }
  /** Writes of one turn of the caller, applied in order; each is answered by exactly one `written` or `failed`. */
  | { readonly kind: 'writes'; readonly writes: readonly AskedWrite[] }
  /** Nobody waits for this write any more; what was applied stays. No answer follows. */
  | { readonly kind: 'writeAbandoned'; readonly id: number }
  /** The batch of a `publish` effect was handed to the net, or could not be: exactly one for each `publish`. */
  | { readonly kind: 'published'; readonly sequence: number }
  /** A batch out of an opened envelope whose author's signature holds. */
  | {
      readonly kind: 'batchReceived'
      readonly author: NodeId
      readonly sequence: number
      readonly bytes: Uint8Array
    }
  /** A frame of the `ack` protocol. */
  | { readonly kind: 'ackReceived'; readonly from: NodeId; readonly bytes: Uint8Array }
  /** A request of the `sync` protocol; answered by exactly one `answer` or `refuse` in the same step. */
  | {
      readonly kind: 'syncAsked'
      readonly id: number
      readonly from: NodeId
      readonly bytes: Uint8Array
    }
  /** The answer to an `askSync` effect. Exactly one of this and `syncFailed` for each. */
  | { readonly kind: 'syncAnswered'; readonly node: NodeId; readonly bytes: Uint8Array }
  | { readonly kind: 'syncFailed'; readonly node: NodeId }
  /** The commit key that new batches name from now on. Writes wait until the first one. */
  | { readonly kind: 'commitKeyChosen'; readonly id: Digest }
  /**
   * A page of this node's own cache, of `cachePage` in an earlier boot, opened. Entries that it brings count as
   * never synced. One that does not parse is ignored. Give all before the first `connected`.
   */
  | { readonly kind: 'restored'; readonly bytes: Uint8Array }
  /**
   * Pages of a network of which nobody lives, opened and whole; their time in milliseconds is the group clock's from now on. They count as
   * `restored`, until `founded` says that this is the state, and sets the clock forward to what it brings.
   */
  | {
      readonly kind: 'recovered'
      readonly pages: readonly Uint8Array[]
      readonly groupClock: number
    }
  /** `ports.commitSalt` answers for this key from now on. */
  | { readonly kind: 'commitKeyLearned'; readonly id: Digest }

/** What the machine wants done, in order. Byte arrays belong to the receiver. */
export type ReplicaEffect =
  /** Seal, sign and publish on the `delta` topic under this sequence; then feed `published`. */
  | { readonly kind: 'publish'; readonly sequence: number; readonly bytes: Uint8Array }
  /** Tell on the `ack` protocol; a failure needs no report. */
  | { readonly kind: 'tellAck'; readonly to: NodeId; readonly bytes: Uint8Array }
  /** Ask on the `sync` protocol, then feed `syncAnswered` or `syncFailed`. At most one under way per member. */
  | { readonly kind: 'askSync'; readonly to: NodeId; readonly bytes: Uint8Array }
  | { readonly kind: 'answer'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'refuse'; readonly id: number; readonly code: ServeRefusal }
  | { readonly kind: 'written'; readonly id: number; readonly acknowledgedBy: number }
  | { readonly kind: 'failed'; readonly id: number; readonly code: WriteRefusal }
  /** Watchers have something to read up to this cursor. At most one per step. */
  | { readonly kind: 'changed'; readonly cursor: number }
  /** All that `node` held when its last page was cut is merged here. */
  | { readonly kind: 'fullSyncCompleted'; readonly node: NodeId }
  /** The commit key is named by an entry and unknown: the root is unknown until `commitKeyLearned`. */
  | { readonly kind: 'needCommitKey'; readonly id: Digest; readonly from: NodeId | null }
  /** A member sent what no honest member sends; the code is that of a `PeerFault`. Nothing was harmed. */
  | { readonly kind: 'peerFault'; readonly node: NodeId; readonly code: string }

/** What the replica needs of its node. All synchronous and free of waiting. */
export interface ReplicaPorts {
  readonly random: Random
  /** HMAC-SHA-256 under a commit key, 32 fresh bytes; `undefined` while the key is not held. */
  readonly commitSalt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined
  /** Ed25519 signature of this node's identity key, 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

export interface ReplicaOptions {
  readonly self: NodeId
  readonly network: NetworkId
  /** What the manifest in force says; `rulesChanged` replaces it. */
  readonly rules: StateRules
  /** Entries stamped further ahead of the group clock are not merged yet. Default 30 s. */
  readonly maxDrift?: Duration
  /** How long a write waits for its acknowledgement. Default 10 s. */
  readonly ackTimeout?: Duration
  /** How long a write waits while the node is `joining`. Default 10 s. */
  readonly readyTimeout?: Duration
  /** Rest between two syncs with one member when nothing asks for one sooner. Default 30 s. */
  readonly syncInterval?: Duration
  /** Entries waiting to be published; writes beyond wait, and then are refused. Default 8,192. */
  readonly outboxEntriesMax?: number
  /** Writes waiting for readiness or for room in the outbox. Default 1,024. */
  readonly waitingWritesMax?: number
  /** Changes kept for watchers that resume. Default 16,384. */
  readonly watchEventsMax?: number
}

/**
 * What a key holds. `elements` and `values` are in byte order, each once; of `values` there is more than one
 * after assignments that did not see each other. All bytes freshly allocated.
 */
export type ReplicaEntry =
  | { readonly kind: 'register'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'set'; readonly key: string; readonly elements: readonly Uint8Array[] }
  | { readonly kind: 'multi'; readonly key: string; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'counter'; readonly key: string; readonly value: bigint }

/** A change: what the key holds now; `entry` is `null` if nothing. */
export interface ReplicaChange {
  /** Resumes after this change. */
  readonly cursor: number
  readonly key: string
  readonly entry: ReplicaEntry | null
}

/** The roots that a heartbeat carries; 32 bytes each. */
export interface ReplicaRoots {
  readonly root: Uint8Array
  readonly publicRoot: Uint8Array
  readonly privateRoot: Uint8Array
}

/** A proof and the root that it stands under, 32 bytes. */
export interface ProvenKey {
  readonly proof: KeyProof
  readonly root: Uint8Array
}

/**
 * Why there is no proof. `NOT_READY`: joining, so what is not here may well exist. `PROOF_NOT_READY`: a commit key is
 * missing, or too much changed to be hashed at once. `PROOF_TOO_LARGE`: the key has more cells than a proof shows.
 */
export type ProofRefusal =
  | 'BAD_KEY'
  | 'KEY_TOO_LONG'
  | 'NOT_READY'
  | 'PROOF_NOT_READY'
  | 'PROOF_TOO_LARGE'

/** Why there is no proof at a cut. `NOT_PUBLIC`: not under a public prefix. `CHECKPOINT_GONE`: that cut is not kept, or not any more. */
export type CutRefusal = ProofRefusal | 'NOT_PUBLIC' | 'CHECKPOINT_GONE'

/** The state as it was at moments just past, on which replicas that still move agree. */
export interface CutQueries {
  /**
   * The roots over what was stamped at or before `ms` of the group clock, and keeps that cut: the last ten can be proved under.
   * What comes after this call is in none of them, whatever its stamp. `undefined` if too much moved lately, for a cut before
   * the last one that was never asked for, and while a commit key is missing.
   */
  commit(ms: number, now: Instant): ReplicaRoots | undefined
  /** Proof of all that a public key held at a cut that is kept, or that it held nothing. */
  prove(ms: number, key: string): ProvenKey | CutRefusal
}

/** Which entries to list; `after` is a key. */
export interface ListQuery {
  readonly prefix: string
  readonly after: string | undefined
  readonly limit: number
}

/** One page for the disk. `bytes` are freshly allocated, at most `limits.syncPageBytesMax`. */
export interface CachePage {
  readonly bytes: Uint8Array
  readonly next: number
  /** Nothing changed after this page. */
  readonly isLast: boolean
}

/** What may be asked between steps. Changes nothing that another node could see. */
export interface ReplicaQueries {
  get(key: string): ReplicaEntry | undefined
  /** Live entries in byte order of their keys, from after `after`, at most `limit`. */
  list(query: ListQuery): readonly ReplicaEntry[]
  /** The roots over all merged entries, tombstones included; `undefined` while a commit key is missing. Hashes what changed since the last call. */
  roots(): ReplicaRoots | undefined
  /**
   * Of exactly what `cachePage` gives up to the end: the root, `undefined` as `restingRoots` and while writes wait to be published, and
   * how many keys hold something, at least: each write that waits may be a key that no page has yet.
   */
  published(): { readonly root: Uint8Array | undefined; readonly entriesMin: number }
  /**
   * The roots, or `undefined` while a commit key is missing or so much changed lately that hashing it at
   * once would hold everything up: then it is hashed in slices, and known within a second of rest.
   */
  restingRoots(): ReplicaRoots | undefined
  /** Proof of all that the key holds, or that it holds nothing. Opens the leaves of a private key: not for everybody. */
  proveKey(key: string): ProvenKey | ProofRefusal
  readonly cuts: CutQueries
  /** Keys that hold something. */
  readonly entryCount: number
  /** Deltas of others merged since boot: for rates. */
  readonly deliveredCount: number
  /** Entries of others that broke a write rule or found their author's instance without room, since boot. */
  readonly refusedCount: number
  /** Entries stamped too far ahead, held back and retried. */
  readonly heldCount: number
  /** Where a watch that wants only what comes starts. */
  readonly watchCursor: number
  /** Changes after `cursor`, oldest first, at most `limit`; `undefined` if some are no longer held (`CURSOR_GONE`). */
  changesAfter(query: {
    readonly cursor: number
    readonly prefix: string
    readonly limit: number
  }): { readonly changes: readonly ReplicaChange[]; readonly cursor: number } | undefined
  /** Commit keys that entries name: what must be kept and handed to a joiner. */
  commitKeysNamed(): readonly Digest[]
  /** Group time in milliseconds, `undefined` before it is founded or adopted. Never goes back. */
  groupClock(now: Instant): number | undefined
  /** The prune floor that beats carry: group clock less 24 h, in whole hours; `undefined` as above. */
  pruneFloor(now: Instant): number | undefined
  /**
   * Entries that changed here after `cursor` (0: all), as one page for this node's own disk, and the cursor
   * after them; `undefined` if there are none. A cursor is of this boot.
   */
  cachePage(cursor: number): CachePage | undefined
  /** Which members hold which of this node's batches. */
  readonly acks: { areHeldElsewhere(sequence: number): boolean }
  /** The sequence of the last batch published. */
  readonly sequence: number
}
