/** What the liveness room is told and what it answers. */
import type { Digest, NetworkId, NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { type Duration, type Instant, minutes } from '../../base/time.ts'
import type { Heartbeat } from '../../wire/heartbeat.ts'
import type { LeaseView } from './lease.ts'
import type { LivenessPace } from './pace.ts'

/**
 * How a member looks from here, a local judgement that steers traffic and proves nothing.
 *
 * `new`: no accepted beat yet, and not overdue. `alive`: accepted beats come as they should. `suspect`:
 * overdue. `dead`: overdue for so long that nothing waits for it. Any fresh beat refutes at once.
 */
export type LivenessState = 'new' | 'alive' | 'suspect' | 'dead'

/**
 * Where the silence of a suspect sits, as far as this node can tell.
 *
 * `overdue`: nothing is known but the silence. `my-link`: others reach it, or nobody answers me. `their-link`:
 * others do not reach it either, or it answers me and its beats do not come. `their-process`: its machine
 * refuses dials, or it answers and its main loop stands still.
 */
export type SuspicionCause = 'overdue' | 'my-link' | 'their-link' | 'their-process'

export type LivenessInput =
  /** The alarm of `wakeAt`. An early or late one does no harm. */
  | { readonly kind: 'tick' }
  /** Another manifest is in force. */
  | { readonly kind: 'paceChanged'; readonly pace: LivenessPace }
  /**
   * A beat whose envelope opened and whose signature holds. Give every one, the sequence numbers that the
   * replay window has already seen too: only so can two beats under one number be noticed. Of an author who
   * is no member it is ignored. `signedBody` is evidence, kept as given and handed back in `equivocated`.
   */
  | {
      readonly kind: 'beatReceived'
      readonly author: NodeId
      readonly sequence: number
      readonly payload: Uint8Array
      readonly signedBody: Uint8Array
    }
  /** `node` is in the roster from now on, on this platform instance. Repeating it changes nothing but the instance. */
  | { readonly kind: 'memberAdded'; readonly node: NodeId; readonly instance: Digest }
  /** `node` left the roster: removed, refused, lapsed or departed. Everything about it is forgotten. */
  | { readonly kind: 'memberGone'; readonly node: NodeId }
  /** A connection to `node` is open: what was said about its link before no longer counts. */
  | { readonly kind: 'connectionOpened'; readonly node: NodeId }
  /** The last connection to `node` closed, or a redial failed. Alone this judges nobody: it may be my link. */
  | { readonly kind: 'connectionClosed'; readonly node: NodeId; readonly reconnect: Reconnect }
  /** A request of the `probe` protocol; answered by exactly one `answer`, now or within an interval. */
  | {
      readonly kind: 'asked'
      readonly request: number
      readonly from: NodeId
      readonly bytes: Uint8Array
    }
  /** The answer to an `ask` effect. Exactly one of this and `askFailed` for each; a late one does no harm. */
  | { readonly kind: 'answered'; readonly ask: number; readonly bytes: Uint8Array }
  | { readonly kind: 'askFailed'; readonly ask: number }

/** What became of the attempt to dial again: not known yet, or refused by the machine at the other end. */
export type Reconnect = 'pending' | 'refused'

export type LivenessEffect =
  /** Sign and publish this payload under exactly this sequence number of the heartbeat topic; never seal it twice. */
  | { readonly kind: 'sendBeat'; readonly sequence: number; readonly payload: Uint8Array }
  | {
      readonly kind: 'stateChanged'
      readonly node: NodeId
      readonly from: LivenessState
      readonly to: LivenessState
      /** Suspicion level at the change; `null` before the first accepted beat. */
      readonly phi: number | null
      /** `null` unless `to` is `suspect` or `dead`. */
      readonly cause: SuspicionCause | null
    }
  /** Ask `node` on the `probe` protocol and give the answer back; nobody waits for it longer than `patience`. */
  | {
      readonly kind: 'ask'
      readonly ask: number
      readonly node: NodeId
      readonly bytes: Uint8Array
      readonly patience: Duration
    }
  | { readonly kind: 'answer'; readonly request: number; readonly bytes: Uint8Array }
  /** The policy lease was won or lost; noticed at most a quarter of an interval late. `lease(now)` is exact. */
  | { readonly kind: 'leaseChanged'; readonly lease: LeaseView }
  /** A beat that is provably recent. Clock, roots and leases may believe this one and no other. */
  | { readonly kind: 'accepted'; readonly node: NodeId; readonly beat: AcceptedBeat }
  /** Removal evidence: two bodies signed by `author` under one sequence number. Told once per author. */
  | {
      readonly kind: 'equivocated'
      readonly author: NodeId
      readonly sequence: number
      readonly first: Uint8Array
      readonly second: Uint8Array
    }

export interface AcceptedBeat extends Heartbeat {
  readonly sequence: number
  /** Whether it cites a beat of mine, and not only one of a third member: what a policy lease counts. */
  readonly citesMe: boolean
}

/** What this node says of itself in its next beat. */
export type BeatContent = Omit<Heartbeat, 'random' | 'citations'>

/**
 * Where the content of a beat comes from: asked synchronously, once per beat, never kept.
 *
 * `progress` must be larger at each call as long as the main loop turns; a beat without progress says
 * "my process hangs" and is not taken as a sign of life.
 */
export interface BeatSource {
  content(now: Instant): BeatContent
  /** The next count of the main loop's turns, for a proof of life between two beats. */
  turn(): number
}

export interface LivenessPorts {
  readonly source: BeatSource
  /** Feeds the 16 bytes of each beat, the challenges, and the choice of helpers. */
  readonly random: Random
  /** Ed25519 by the identity key, 64 bytes. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

export interface LivenessOptions {
  readonly self: NodeId
  /** The platform instance that this node runs on. */
  readonly instance: Digest
  readonly network: NetworkId
  /** One beat per interval; every threshold is a multiple of it, so all members of a network use one. */
  readonly interval: Duration
  /** When the first beat goes out. */
  readonly startsAt: Instant
  /** The manifest's word; `livenessRules` unless said. */
  readonly rules?: LivenessRules
}

/** What a manifest decides about liveness; spans in intervals unless said. */
export type LivenessRules = Omit<LivenessPace, 'interval'>

/**
 * A beat travels for one interval, waits for the next beat of its reader in another, and one is slack. A
 * stranger's first beat is cited by my next and its second is accepted, which takes three, and slack.
 */
export const livenessRules: LivenessRules = {
  citationIntervals: 3,
  newIntervals: 5,
  leaseMs: minutes(10),
}
