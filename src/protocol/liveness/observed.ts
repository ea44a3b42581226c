/** One member as seen from here: what it said, when it was heard, and what that makes it. */
import type { NodeId } from '../../base/ids.ts'
import { after, between, type Duration, type Instant } from '../../base/time.ts'
import type { BeatDigest } from '../../wire/heartbeat.ts'
import type { LivenessState, Reconnect } from './input.ts'
import { ArrivalGaps } from './phi.ts'

/** Overdue: wrong one time in 100,000; with a steady link after 3.1 intervals, so two lost beats are no news. */
const suspectPhi = 5
/** Nothing waits for it any more: with a steady link after 4.5 intervals. */
const deadPhi = 12
/** Least time under suspicion, in intervals: a refutation needs one beat, and that beat a citation. */
const suspicionIntervals = 2
/** Received beats kept per author, to notice a second content under one number. */
const receivedMax = 4

/** A beat as received, accepted or not. */
export interface ReceivedBeat {
  readonly sequence: number
  readonly digest: BeatDigest
  readonly citation: Uint8Array
  readonly signedBody: Uint8Array
  readonly receivedAt: Instant
}

export class ObservedMember {
  readonly #interval: Duration
  readonly #newIntervals: number
  #state: LivenessState = 'new'
  /** When the last sign of life came; for a new member, when it was added. Moves on by excused stalls. */
  #silentSince: Instant
  #suspectSince: Instant | null = null
  #gaps: ArrivalGaps | null = null
  #received: readonly ReceivedBeat[] = []
  #reconnect: Reconnect | null = null
  readonly #corroborators = new Set<NodeId>()

  /** What its last accepted beat said; `null` and 0 before. */
  phase: 'joining' | 'active' | null = null
  acceptedSequence = 0
  progress = -1
  /** When I last cited it. */
  citedAt: Instant | null = null
  isEquivocator = false

  constructor(options: { interval: Duration; newIntervals: number }, addedAt: Instant) {
    this.#interval = options.interval
    this.#newIntervals = options.newIntervals
    this.#silentSince = addedAt
  }

  get state(): LivenessState {
    return this.#state
  }

  /** The beat with the highest sequence number received; what I cite. */
  get latest(): ReceivedBeat | undefined {
    return this.#received[0]
  }

  /** Suspicion level; `null` before the first sign of life. */
  phi(now: Instant): number | null {
    return this.#gaps === null ? null : this.#gaps.phi(between(this.#silentSince, now))
  }

  /** Remembers a received beat; answers an earlier one of the same number that says something else. */
  receive(beat: ReceivedBeat): ReceivedBeat | undefined {
    const known = this.#received.find(({ sequence }) => sequence === beat.sequence)
    if (known !== undefined) return known.digest === beat.digest ? undefined : known
    this.#received = [...this.#received, beat]
      .toSorted((left, right) => right.sequence - left.sequence)
      .slice(0, receivedMax)
    return undefined
  }

  /** A sign of life: whatever was suspected is refuted. */
  arrived(now: Instant): void {
    // A gap that ended in `dead` was an absence, not a late beat: it teaches nothing about the link.
    if (this.#gaps === null || this.#state === 'dead') this.#gaps = new ArrivalGaps(this.#interval)
    else this.#gaps.add(Math.max(0, between(this.#silentSince, now)) as Duration)
    this.#silentSince = now
    this.#suspectSince = null
    this.#corroborators.clear()
    this.#state = 'alive'
  }

  connectionOpened(): void {
    this.#reconnect = null
    this.#corroborators.clear()
  }

  connectionClosed(reconnect: Reconnect): void {
    this.#reconnect = reconnect
  }

  corroborated(by: NodeId): void {
    this.#corroborators.add(by)
  }

  corroboratorGone(node: NodeId): void {
    this.#corroborators.delete(node)
  }

  /** The time for which this process itself stood still is nobody's silence. */
  excuse(span: Duration, now: Instant): void {
    this.#silentSince = earlier(after(this.#silentSince, span), now)
    if (this.#suspectSince !== null)
      this.#suspectSince = earlier(after(this.#suspectSince, span), now)
  }

  /** Moves the state on if the silence says so. Whoever is silent enough passes through `suspect`. */
  judge(now: Instant): void {
    if (this.#state === 'dead') return
    if (this.#state !== 'suspect') {
      if (!this.#isOverdue(now)) return
      this.#state = 'suspect'
      this.#suspectSince = now
      return
    }
    const suspectFor = between(this.#suspectSince ?? now, now)
    const phi = this.phi(now)
    const waited = phi === null ? this.#newIntervals : suspicionIntervals
    if (suspectFor >= this.#interval * waited && (phi ?? deadPhi) >= deadPhi) this.#state = 'dead'
  }

  #isOverdue(now: Instant): boolean {
    const phi = this.phi(now)
    if (phi === null) return between(this.#silentSince, now) >= this.#interval * this.#newIntervals
    // Its machine answers "nobody here", and another member sees the same: no need to wait for silence.
    const isGoneForTwo = this.#reconnect === 'refused' && this.#corroborators.size > 0
    return phi >= suspectPhi || isGoneForTwo
  }
}

function earlier(left: Instant, right: Instant): Instant {
  return left < right ? left : right
}
