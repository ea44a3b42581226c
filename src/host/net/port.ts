import type { Refusal, TrustedVerdict, Verdict } from '../../attestation/verdict.ts'
import type { Digest, NetworkId, NodeId } from '../../base/ids.ts'
import type { Evidence, NodeKeys } from '../../wire/evidence.ts'
import type { MetricFamily } from '../telemetry/port.ts'

/** Names of gossip topics; the names on the wire are hashed with the network id. */
export type GossipTopic = 'delta' | 'heartbeat'

/** Protocols of member streams, one request and one answer each: the only place where one is added. */
export const askProtocols = [
  'hello',
  'removals',
  'manifest',
  'record',
  'results',
  'key',
  'sync',
  'probe',
  'leave',
  'endorsement',
  'custody-manifest',
  'custody-key',
  'signing-proposal',
  'signing-group',
] as const
export type AskProtocol = (typeof askProtocols)[number]
/** Protocols of kept-open one-way member streams. */
export const tellProtocols = ['ack', 'announce', 'signing'] as const
export type TellProtocol = (typeof tellProtocols)[number]

export type StepUpPurpose = 'step-up' | 're-attest' | 'release'

/** What became of a gossip message, for gossipsub's scores and forwarding; only a verified author is named. */
export type GossipJudgement =
  | { readonly kind: 'accept'; readonly author: NodeId }
  /** `isExcess`: brought by its author, and above what an author may send. */
  | { readonly kind: 'ignore'; readonly isExcess?: true }
  | { readonly kind: 'reject' }

/** A member connection that passed mutual attestation. */
export interface MemberConnection {
  readonly node: NodeId
  readonly keys: NodeKeys
  readonly evidence: Evidence
  readonly verdict: TrustedVerdict
  /** True if this side dialled. */
  readonly outbound: boolean
  /** The remote multiaddr, as text. */
  readonly address: string
}

/** A handshake that did not end in a connection. */
export interface RefusedConnection {
  /** Who said no: this node, the other, or nobody (the link broke, another network). */
  readonly by: 'me' | 'them' | 'link'
  readonly node: NodeId | null
  readonly address: string
  readonly refusal: Refusal
}

/** What a node shows of itself. */
export interface Shown {
  readonly keys: NodeKeys
  readonly evidence: Evidence
  readonly manifest: { readonly nonce: number; readonly hash: Digest }
}

/**
 * What the handshake asks of the node. Synchronous and quick: no I/O, no waiting. Implementations keep the
 * verdict cache and the removal set.
 */
export interface Admission {
  readonly network: NetworkId
  /** What this node shows in a handshake that begins now; made before any dial, and the evidence anew before it ends. */
  self(): Shown
  /**
   * The envelopes that lead a node whose manifest has the nonce `above` to the one in force, in order, as
   * canonical JSON bytes: those in between that changed the manifest set, then the one in force. Never empty.
   */
  manifestSteps(above: number): readonly Uint8Array[]
  /** Takes the last of a peer's envelopes into force if it holds and is higher, else says why not. */
  considerManifest(envelopes: readonly Uint8Array[]): Refusal | undefined
  /** Evidence seen before under this digest and still believed, so that the peer need not send it. */
  knownEvidence(digest: Digest): Evidence | undefined
  /** Key evidence of a peer against the policy and the removal set in force. */
  appraiseKeys(keys: NodeKeys, evidence: Evidence): Verdict
  /** Evidence made for a binder (step-up) on the connection of a known member. */
  appraiseBinder(node: NodeId, evidence: Evidence, binder: Uint8Array): Verdict
  /** A refusal if this identity may not connect at all (removed, banned, denied for a while). */
  barred(node: NodeId): Refusal | undefined
  /** Ed25519 signature of this node's identity key. */
  sign(message: Uint8Array): Uint8Array
  /** A fresh quote over 64 bytes. */
  quote(reportData: Uint8Array, signal: AbortSignal): Promise<Evidence>
}

/** What the net tells the node. Handlers must not throw. */
export interface NetHandlers {
  /**
   * A member connection is open. Gossip with this member, in and out, starts only when the promise resolves; a
   * rejection closes the connection. `ask` and `tell` work from the start.
   */
  memberConnected(connection: MemberConnection): Promise<void>
  /** The last member connection to this node closed. */
  memberDisconnected(node: NodeId, reason: string): void
  connectionRefused(refused: RefusedConnection): void
  /**
   * Nobody answers any more where this node was reached before: its machine refuses dials, or another node lives there.
   * It has no connection at this moment. Told again at each dial that ends so.
   */
  dialRefused(node: NodeId): void
  /** A dial ended without a connection; `code` is `UNREACHABLE`, or that of the refusal. */
  dialFailed(code: string): void
  /** A gossip message, before forwarding. `from` is the neighbour, not the author. */
  gossip(topic: GossipTopic, data: Uint8Array, from: NodeId): GossipJudgement
  /** This neighbour has sent for seconds so much more than it may that leaving it unread is a burden by itself. */
  flooded(node: NodeId): void
  /** Answers a request of a member; a thrown `PeerFault` or `CoterieError` becomes a coded error at the asker. */
  asked(
    protocol: AskProtocol,
    request: Uint8Array,
    from: NodeId,
    signal: AbortSignal,
  ): Promise<Uint8Array>
  /**
   * Answers a question of a light client, whom nobody knows; a thrown `PeerFault` or `CoterieError` becomes a coded error at the asker.
   * Bounding what all of them cost together is the node's.
   */
  lightAsked(question: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
  /** A one-way frame of a member. Frames of one member and protocol arrive in order. */
  told(protocol: TellProtocol, frame: Uint8Array, from: NodeId): void
  /** The other side proved itself alive with a fresh quote: the time counts as its freshness. */
  steppedUp(node: NodeId, purpose: StepUpPurpose, verdict: TrustedVerdict): void
}

/** The network as the node sees it. Only members can be named; frames are at most `limits.frameBytesMax`. */
export interface Net {
  start(signal: AbortSignal): Promise<void>
  /** Closes everything; when it resolves no socket or timer of the net is left. */
  stop(): Promise<void>
  /** Addresses told to others, with the peer id, once started. */
  addresses(): readonly string[]
  /** Addresses really listened on: of this machine, not for others. */
  listening(): readonly string[]
  /** Open member connections, one per node, gate open or not. */
  connections(): readonly MemberConnection[]
  /** Resolves when handed to every chosen neighbour. `recipients` 0 while a member is connected is an alarm. */
  publish(topic: GossipTopic, data: Uint8Array): Promise<{ readonly recipients: number }>
  /** One request, one answer. @throws {HostError} `NOT_CONNECTED`, `ASK_FAILED`; the peer's own coded errors as `PeerFault`. */
  ask(
    node: NodeId,
    protocol: AskProtocol,
    request: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array>
  /** Sends one frame in order on a kept-open stream; drops nothing silently: rejects if it could not be handed over. */
  tell(node: NodeId, protocol: TellProtocol, frame: Uint8Array): Promise<void>
  /** Asks the member on this connection for a fresh quote bound to it. */
  stepUp(node: NodeId, purpose: StepUpPurpose, signal: AbortSignal): Promise<Verdict>
  /** Closes every connection to `node`. Whoever is to stay away is `barred` by the admission before. */
  disconnect(node: NodeId, code: string): Promise<void>
  /** Adds addresses to the dial loop (multiaddrs with or without peer id). */
  addAddresses(addresses: readonly string[]): void
  /** Dials soon again whatever last ended with this code: its cause may be over. */
  retry(code: string): void
  /** What the net counted since it was opened, and how it is now. */
  metrics(): readonly MetricFamily[]
}
