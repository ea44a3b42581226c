import { between, type Duration, type Instant } from '../base/time.ts'
import type { BeatContent, BeatSource } from '../protocol/liveness/input.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import type { ReplicaQueries } from '../protocol/replica/types.ts'
import type { Heartbeat } from '../wire/heartbeat.ts'
import { stateRoot } from '../wire/state-proof.ts'
import type { Agreement } from './agreement.ts'
import type { Checkpoints } from './checkpoints.ts'

/** What a beat carries while the root is not known: a commit key is on its way, or much is being written. */
const unknownRoot = new Uint8Array(32)

/** Each unit of load is so much lateness of a beat: 255 is a main loop that hangs for five seconds. */
const lateMillisecondsPerLoad = 20

/** What this node says of itself in its beats. */
export class BeatContents implements BeatSource {
  readonly #ports: {
    readonly membership: Pick<MembershipQueries, 'phase'>
    readonly replica: Pick<ReplicaQueries, 'restingRoots' | 'groupClock'>
    readonly agreement: Pick<Agreement, 'mine'>
    readonly checkpoints: Pick<Checkpoints, 'make'>
  }
  readonly #pace: { readonly interval: Duration }
  #progress = 0
  #lastRoot: Uint8Array | undefined
  #lastAsked: Instant | undefined

  constructor(
    ports: {
      readonly membership: Pick<MembershipQueries, 'phase'>
      readonly replica: Pick<ReplicaQueries, 'restingRoots' | 'groupClock'>
      readonly agreement: Pick<Agreement, 'mine'>
      readonly checkpoints: Pick<Checkpoints, 'make'>
    },
    /** Its interval may change at any time. */
    pace: { readonly interval: Duration },
  ) {
    this.#ports = ports
    this.#pace = pace
  }

  content(now: Instant): BeatContent {
    const { membership, replica, agreement, checkpoints } = this.#ports
    const roots = replica.restingRoots()
    this.#lastRoot = roots?.root ?? this.#lastRoot
    if (roots !== undefined) agreement.mine(roots.root, now)
    return {
      phase: membership.phase === 'active' ? 'active' : 'joining',
      groupClock: replica.groupClock(now) ?? null,
      publicRoot: roots?.publicRoot ?? unknownRoot,
      privateRoot: roots?.privateRoot ?? unknownRoot,
      logPosition: 0,
      load: this.#load(now),
      // A beat is made by the main loop, so one more beat is one more turn of it.
      progress: this.turn(),
      checkpoint: checkpoints.make(now),
    }
  }

  turn(): number {
    return ++this.#progress
  }

  /** The state root of the last beat that had one: what others compare, and free to ask, unlike the newest one. */
  get lastRoot(): Uint8Array | undefined {
    return this.#lastRoot
  }

  #load(now: Instant): number {
    const last = this.#lastAsked
    this.#lastAsked = now
    if (last === undefined) return 0
    const late = Math.max(0, between(last, now) - this.#pace.interval)
    return Math.min(255, Math.floor(late / lateMillisecondsPerLoad))
  }
}

/** The state root that a beat commits to, or `null` if its author did not know it. */
export function rootOfBeat(beat: Pick<Heartbeat, 'publicRoot' | 'privateRoot'>): Uint8Array | null {
  const isUnknown = [...beat.publicRoot, ...beat.privateRoot].every(byte => byte === 0)
  return isUnknown ? null : stateRoot(beat.publicRoot, beat.privateRoot)
}
