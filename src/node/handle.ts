/** The node as applications, the API and the CLI see it: types only. */
import type { NetworkId, NodeId } from '../base/ids.ts'
import type { MetricFamily } from '../host/telemetry/port.ts'
import type { LightQuestion } from '../wire/light-question.ts'
import type { AuditApi } from './audit-api.ts'
import type { ChannelApi } from './channel-api.ts'
import type { CustodyApi, QuorumKeyView } from './custody-api.ts'
import type { HistogramView } from './histogram.ts'
import type { SigningApi } from './signing-api.ts'

/** How many members must hold a write before it counts as acknowledged: the next one, none, a number, or most instances. */
export type AckLevel = 'local' | 'majority' | number

/** How a write is made. */
export interface WriteOptions {
  /** 1 unless said. */
  readonly ack?: AckLevel
  readonly signal?: AbortSignal
}

/** What is known once a write is acknowledged. */
export interface WriteReceipt {
  readonly key: string
  /** Members besides this node that are known to hold the write. */
  readonly acknowledgedBy: number
}

/**
 * What a key holds now. A register has one value; a set its elements and a multi-value register its values, in
 * byte order; a counter a whole number that may exceed a safe integer, because every member adds to it.
 */
export type StateEntry =
  | { readonly kind: 'register'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'set'; readonly key: string; readonly elements: readonly Uint8Array[] }
  | { readonly kind: 'multi'; readonly key: string; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'counter'; readonly key: string; readonly value: bigint }

/** A change as a watcher sees it. `entry` is `null` once nothing is left under the key. */
export interface StateEvent {
  /** Resumes a watch after this event; opaque, of this node's boot. */
  readonly cursor: string
  readonly key: string
  readonly entry: StateEntry | null
}

/**
 * What a key holds, or that it holds nothing, for whoever trusts the root: `decodeKeyProof` and `provenContent` read it
 * without a node, offline and in a browser.
 */
export interface StateProof {
  /** The whole key, as every member names it: a proof holds for no other spelling. */
  readonly key: string
  /** Whether the key is below a public prefix of the manifest. If not, the proof opens what hides this key from others. */
  readonly isPublic: boolean
  /** Over all that this node holds now, 32 bytes; of its heartbeats too, as long as nobody writes. */
  readonly root: Uint8Array
  /** In the form of docs/spec/replica.md, "Proofs"; at most 2 MiB. */
  readonly proof: Uint8Array
}

/**
 * The replicated state. Every method that writes rejects with a `CoterieError` whose code says why:
 * `NOT_READY`, `NO_PEER_TO_ACK` (nothing was applied), `ACK_TIMEOUT` (applied here, spread unknown),
 * `KEY_TOO_LONG`, `VALUE_TOO_LARGE`, `NO_WRITE_RULE`, `NOT_FOR_MEMBERS`, `BAD_VALUE`, `QUOTA_FULL`, `WRONG_KIND`, `BAD_AMOUNT`, `COUNTER_FULL`, `COUNTER_STAYS`, `QUEUE_FULL`,
 * `STOPPING`.
 */
export interface StateApi {
  set(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteReceipt>
  get(key: string): StateEntry | undefined
  delete(key: string, options?: WriteOptions): Promise<WriteReceipt>
  add(key: string, element: Uint8Array, options?: WriteOptions): Promise<WriteReceipt>
  remove(key: string, element: Uint8Array, options?: WriteOptions): Promise<WriteReceipt>
  /** Takes the place of every value seen under the key; assignments that did not see each other all stay. */
  assign(key: string, value: Uint8Array, options?: WriteOptions): Promise<WriteReceipt>
  /** Adds `by`, a safe integer of either sign, to a counter. A counter is never deleted. */
  increment(key: string, by: number, options?: WriteOptions): Promise<WriteReceipt>
  /**
   * The proof of all that `key` holds, or that it holds nothing.
   *
   * @throws {CoterieError} `BAD_KEY`, `KEY_TOO_LONG`, `NOT_READY` while joining, `PROOF_NOT_READY` for up to a second after many writes,
   * `PROOF_TOO_LARGE` for a key of more than 256 elements, values or parts, removed ones of the last day included.
   */
  prove(key: string): StateProof
  /** Entries in key order, from after `after`, at most `limit` (1..1000). */
  list(query: {
    readonly prefix?: string
    readonly after?: string
    readonly limit?: number
  }): readonly StateEntry[]
  /**
   * Changes from now on, or from `cursor` on; ends when `signal` aborts or the node stops.
   * @throws {UsageError} `CURSOR_GONE` when events since the cursor are no longer held: list again, then watch.
   */
  watch(query: {
    readonly prefix?: string
    readonly cursor?: string
    readonly signal?: AbortSignal
  }): AsyncIterable<StateEvent>
}

/**
 * What light clients are told. Answers are bytes that prove themselves (docs/spec/checkpoint.md): whoever carries them adds nothing.
 * Every method throws a `CoterieError`: `NO_CHECKPOINT` before the first one.
 */
export interface LightApi {
  /**
   * The answer to a question of somebody whom nobody knows: the manifest's file as `CoterieNode.manifestFile`; the newest checkpoint
   * that so many others share on as many instances, or that most do; record and endorsements behind evidence; what a public key held;
   * this node's evidence, a quote about a recent checkpoint and its newest one, signed over the nonce. All who ask share one rate.
   *
   * @throws {CoterieError} `TOO_MANY_REQUESTS`, `NO_CHECKPOINT`, `EVIDENCE_NOT_HELD`, `NOT_PUBLIC`, `CHECKPOINT_GONE` for all but the last
   * ten, and as `StateApi.prove`.
   */
  answer(question: LightQuestion): Promise<Uint8Array>
}

/** The node's own link, the member's link, the member's process; `overdue` while nothing is known but the silence. */
export type SilenceCause = 'overdue' | 'my-link' | 'their-link' | 'their-process'

/** The failure detector's word on a member, local and refutable; `new` until it has said anything. */
export type MemberState = 'new' | 'alive' | 'suspect' | 'dead'

/** One member as this node sees it. */
export interface MemberView {
  readonly node: NodeId
  readonly phase: 'joining' | 'active'
  readonly state: MemberState
  readonly platform: string
  readonly instance: string
  readonly measurement: string
  readonly owner: string | null
  /** ISO 8601, when the verdict lapses. */
  readonly verdictExpiresAt: string
  readonly isFresh: boolean
  /** On whose word it is a member here; empty: this node appraised it itself. */
  readonly vouchedBy: readonly NodeId[]
  /** Where the silence of a suspected or dead member sits, as far as is known; `null` for all others. */
  readonly cause: SilenceCause | null
  /** Suspicion level of the failure detector, or `null` before the first interval. */
  readonly phi: number | null
  readonly connected: boolean
  /** This row is the node itself. */
  readonly self: boolean
}

/** One open attested connection. */
export interface PeerView {
  readonly node: NodeId
  readonly address: string
  readonly direction: 'in' | 'out'
  readonly verdict: string
  readonly measurement: string
}

/** Somebody who is turned away for a while, after a fault. */
export interface BanView {
  /** A node id or the digest of a platform instance. */
  readonly subject: string
  readonly scope: 'identity' | 'instance'
  /** Of the last fault, or BY_HAND. */
  readonly code: string
  /** What the person wrote who banned by hand; empty otherwise. */
  readonly reason: string
  /** Faults so far: each doubles the next ban. */
  readonly count: number
  /** ISO 8601. */
  readonly until: string
}

/** Why a peer was lost, or not won. The whole vocabulary: names of metrics and of reports. */
export type LossReason =
  | 'unreachable'
  | 'link-closed'
  | 'aborted'
  | 'other-network'
  | 'manifest'
  | 'not-admitted'
  | 'not-proved'
  | 'not-alive'
  | 'instance-limit'
  | 'removed'
  | 'banned'
  | 'fault'
  | 'silent'
  | 'slow'
  | 'busy'
  | 'duplicate'
  | 'stopping'
  | 'other'

/** Counts since the start. */
export interface LossView {
  /** Member connections that ended. */
  readonly disconnected: Readonly<Record<LossReason, number>>
  /** Dials of this node that failed. */
  readonly dialFailed: Readonly<Record<LossReason, number>>
  /** Handshakes that ended without a connection, dialled by either side. */
  readonly refused: Readonly<Record<LossReason, number>>
}

/** Handshakes of one node that ended alike. */
export interface RefusalView {
  /** ISO 8601, of the latest. */
  readonly at: string
  readonly by: 'me' | 'them' | 'link'
  readonly node: NodeId | null
  readonly address: string
  readonly code: string
  readonly facts: Readonly<Record<string, string | number>>
  /** How many there were. */
  readonly count: number
  /** What a person can do; empty if nothing is needed or known. */
  readonly next: string
}

/** Where a node stands; it reads and writes for others while `active`. */
/** `refused`: was active, and no member lets it in any more. `removed`: was told, with proof, that it is out for ever. */
export type NodePhase =
  | 'starting'
  | 'joining'
  | 'alone'
  | 'active'
  | 'refused'
  | 'removed'
  | 'stopping'
  | 'stopped'

/** How many members run one software. */
export interface MeasurementView {
  /** The manifest's name for it. */
  readonly name: string
  /** ISO 8601, when the manifest ends it; `null` if the manifest in force does not name it. */
  readonly validUntil: string | null
  readonly members: number
  /** Of all members that are not dead, 0 to 1. */
  readonly share: number
}

/** One snapshot of a node. No secret, no key and no value of the state is in it. */
export interface StatusView {
  readonly node: NodeId
  readonly network: NetworkId
  readonly networkName: string
  readonly testnet: boolean
  readonly tee: string
  readonly phase: NodePhase
  /** What to do, when the phase is not `active`. */
  readonly next: string
  readonly version: string
  /** Addresses told to other nodes. */
  readonly addresses: readonly string[]
  /** Addresses really listened on, behind a relay or NAT other ones. */
  readonly listening: readonly string[]
  readonly manifest: { readonly nonce: number; readonly hash: string }
  /** How far an upgrade has rolled: what the members run that are not dead, this node included. */
  readonly measurements: readonly MeasurementView[]
  readonly members: { readonly active: number; readonly live: number; readonly known: number }
  readonly state: {
    /** Hexadecimal; of the node's last beat, empty before it. */
    readonly root: string
    readonly entries: number
    /** Changes of other members merged since the start. */
    readonly delivered: number
    readonly writesPerSecond: number
    readonly deliveriesPerSecond: number
  }
  readonly keys: { readonly traffic: number; readonly storage: number; readonly commit: number }
  readonly removals: { readonly count: number; readonly digest: string }
  readonly quorumKey: QuorumKeyView
  /** Whether most platform instances heard this node lately: without it no key is released. */
  readonly lease: {
    readonly state: 'held' | 'isolated'
    /** ISO 8601, when it ends unless members hear this node again; `null` while no other is needed, or it is not held. */
    readonly until: string | null
    readonly instances: number
    readonly citing: number
  }
  readonly warnings: readonly { readonly code: string; readonly text: string }[]
  readonly uptimeSeconds: number
}

/** One other member. */
export interface MemberVitals {
  readonly node: NodeId
  /** How long ago each of its beats was accepted, in milliseconds, the latest last; of the last ten seconds. */
  readonly beatAgesMs: readonly number[]
  /** The state root of its latest beat that had one, hexadecimal; `null` before. */
  readonly root: string | null
  /** Milliseconds since its root was last one of this node's; 0 while they agree. */
  readonly apartMs: number
}

/** What moves in a node. No key or value of the state is in it, and no secret. */
export interface VitalsView {
  /** Milliseconds since the node started, by its monotonic clock. */
  readonly uptimeMs: number
  readonly members: readonly MemberVitals[]
  /** From the call of a write to its acknowledgement. */
  readonly writes: HistogramView
  /** The appraisal of one piece of evidence, those answered from the verdict cache included. */
  readonly appraisals: HistogramView
  /** The id of the traffic key in force, hexadecimal: another one after each rotation; `null` while none is held. */
  readonly trafficKey: string | null
}

/** How a node left. */
export interface LeaveReport {
  /** Whether others hold all that was written here; false also if no active member was there to take it. */
  readonly drained: boolean
}

/** What became of a manifest that was handed to a node. */
export interface AppliedManifest {
  /** False if it was in force already. */
  readonly changed: boolean
  readonly nonce: number
  readonly hash: string
}

/** Something that happened: `kind` is stable, `text` constant, `facts` vary and are public. */
export interface NodeEvent {
  /** ISO 8601, by the host's clock. */
  readonly at: string
  readonly kind: string
  readonly text: string
  readonly facts: Readonly<Record<string, string | number | boolean | null>>
}

/** One running node. */
export interface CoterieNode {
  readonly id: NodeId
  readonly network: NetworkId
  readonly state: StateApi
  /** @throws {UsageError} `NOT_RUNNING` unless the node runs. */
  readonly light: LightApi
  /** @throws {UsageError} `NOT_RUNNING` unless the node runs. */
  readonly channel: ChannelApi
  /** @throws {UsageError} `NOT_RUNNING` unless the node runs. */
  readonly custody: CustodyApi
  /** @throws {UsageError} `NOT_RUNNING` unless the node runs. */
  readonly signing: SigningApi
  /** As `signing.sign`. */
  readonly sign: SigningApi['sign']
  readonly audit: AuditApi
  start(): Promise<void>
  /** Graceful and complete within 10 s; idempotent. To the others this node falls silent. */
  stop(): Promise<void>
  /**
   * Waits until others hold what was written here, says to all members over its signature that this node leaves for good, and
   * stops; within 10 s in all; idempotent. They drop it at once, without suspicion.
   */
  leave(): Promise<LeaveReport>
  /** Resolves once the node has stopped, whoever asked for it. */
  readonly ended: Promise<void>
  members(): readonly MemberView[]
  peers(): readonly PeerView[]
  /** How often peers were lost or not won, by reason. */
  losses(): LossView
  /** Who is turned away for a while, the ban that ends last first. */
  bans(): readonly BanView[]
  /**
   * Turns a node id or an instance digest away for a while and closes its connections: this node's own caution, told to
   * nobody. It steers whom this node talks to and decides nothing: the network removes by certificates alone.
   *
   * @throws {UsageError} `BAD_SUBJECT`, `BAD_BAN` unless it lasts at most 30 days and the reason has at most 200 characters.
   */
  ban(subject: string, how: { readonly seconds: number; readonly reason: string }): BanView
  /** Ends the ban of a node id or instance digest; whether there was one. */
  unban(subject: string): boolean
  /** The latest refusals, newest first, at most 100. */
  refusals(): readonly RefusalView[]
  status(): StatusView
  /** What moves, for people who watch: read it as often as once a second. */
  vitals(): VitalsView
  /** Counters and gauges of every room, as they are now; before `start` those that exist already. */
  metrics(): readonly MetricFamily[]
  /** Takes self-proving removal items (canonical CBOR); answers how many were new. @throws {PeerFault} for an item that does not prove itself. */
  remove(items: readonly Uint8Array[]): { readonly added: number }
  /**
   * Takes an approved manifest into force and spreads it: a file with one envelope, or with a lineage from the
   * founding block on.
   *
   * @throws {PeerFault} with the code of the first thing wrong with it; then nothing changed.
   */
  applyManifest(file: Uint8Array): AppliedManifest
  /** The manifest in force, as a file that a new node can be given. */
  manifestFile(): Uint8Array
  /** What happened lately, newest last, at most 1,000; `after` the number of an event to resume from. */
  events(signal: AbortSignal): AsyncIterable<NodeEvent>
  /** Whether routes may show and take state values on the host's socket: only on a testnet, in this version. */
  readonly opensToHost: boolean
}
