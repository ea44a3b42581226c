/** One member as seen from here: what it said, when it was heard, and what that makes it. */
import type { NodeId } from '../../base/ids.ts'
import { after, between, type Duration, type Instant } from '../../base/time.ts'
import type { BeatDigest } from '../../wire/heartbeat.ts'
import type { LivenessState, Reconnect, SuspicionCause } from './input.ts'
import type { LivenessPace } from './pace.ts'
import { ArrivalGaps } from './phi.ts'
import type { RoundResult } from './probes.ts'

/** Overdue: wrong one time in 100,000; with a steady link after 3.1 intervals, so two lost beats are no news. */
const suspectPhi = 5
/** Nothing waits for it any more: with a steady link after 4.5 intervals. */
const deadPhi = 12
/** Least time under suspicion, in intervals: a refutation needs one beat, and that beat a citation. */
const suspicionIntervals = 2
/** A proof of life holds `dead` back for so many intervals: the next round is asked within one. */
const provenIntervals = 2
/** Rest between two rounds of probes, in intervals: after a silence, and after a refused dial that nobody confirms yet. */
const roundEvery = 1
const refusedRoundEvery = 0.25
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
  readonly #pace: Pick<LivenessPace, 'interval' | 'newIntervals'>
  #state: LivenessState = 'new'
  /** When the last sign of life came; for a new member, when it was added. Moves on by excused stalls. */
  #silentSince: Instant
  #suspectSince: Instant | null = null
  #gaps: ArrivalGaps | null = null
  #received: readonly ReceivedBeat[] = []
  #reconnect: Reconnect | null = null
  /** A round of probes since the refused dial ended without a proof of life. */
  #isUnprovenSinceRefusal = false
  #provenAt: Instant | null = null
  #nextRoundAt: Instant | null = null
  /** Whether the last round of probes under this suspicion brought a proof of life; `null` before one ended. */
  #isProven: boolean | null = null
  #cause: SuspicionCause = 'overdue'
  readonly #corroborators = new Set<NodeId>()

  isConnected = false
  /** Turns of its main loop by its last proof of life. */
  provenProgress = -1
  /** What its last accepted beat said; `null` and 0 before. */
  phase: 'joining' | 'active' | null = null
  acceptedSequence = 0
  progress = -1
  /** When I last cited it. */
  citedAt: Instant | null = null
  isEquivocator = false

  /** `pace` may change at any time; `paceChanged` follows. */
  constructor(pace: Pick<LivenessPace, 'interval' | 'newIntervals'>, addedAt: Instant) {
    this.#pace = pace
    this.#silentSince = addedAt
  }

  get state(): LivenessState {
    return this.#state
  }

  /** Where the silence sits; `null` while there is none. */
  get cause(): SuspicionCause | null {
    return this.#state === 'suspect' || this.#state === 'dead' ? this.#cause : null
  }

  /** Its machine refused a dial, and nothing has been heard since. */
  get isRefused(): boolean {
    return this.#reconnect === 'refused'
  }

  /** When others shall be asked after it; `null` if there is no reason to. */
  get nextRoundAt(): Instant | null {
    const isDoubted = this.#state === 'suspect' || (this.isRefused && this.#state !== 'dead')
    return isDoubted ? this.#nextRoundAt : null
  }

  /** The beat with the highest sequence number received; what I cite. */
  get latest(): ReceivedBeat | undefined {
    return this.#received[0]
  }

  /** How long no sign of life has come; `null` before the first. */
  silence(now: Instant): Duration | null {
    return this.#gaps === null ? null : between(this.#silentSince, now)
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
    if (this.#gaps === null || this.#state === 'dead')
      this.#gaps = new ArrivalGaps(this.#pace.interval)
    else this.#gaps.add(Math.max(0, between(this.#silentSince, now)) as Duration)
    this.#silentSince = now
    this.#suspectSince = null
    this.#provenAt = null
    this.#linkUndoubted()
    this.#state = 'alive'
  }

  /** Beats come at another pace from now on: its rhythm is learned anew, and the silence so far does not count. */
  paceChanged(now: Instant): void {
    this.#gaps = this.#gaps === null ? null : new ArrivalGaps(this.#pace.interval)
    this.#silentSince = now
  }

  connectionOpened(): void {
    this.isConnected = true
    this.#linkUndoubted()
  }

  connectionClosed(reconnect: Reconnect, now: Instant): void {
    this.isConnected = false
    if (reconnect === 'refused' && !this.isRefused) {
      this.#isUnprovenSinceRefusal = false
      this.#nextRoundAt = now
    }
    this.#reconnect = reconnect
  }

  /** A round of probes begins, or cannot because nobody is there to ask. `patience`: as in `judge`. */
  roundBegins(now: Instant, patience: number): void {
    const rest = this.isRefused && this.#corroborators.size === 0 ? refusedRoundEvery : roundEvery
    this.#nextRoundAt = after(now, (this.#pace.interval * rest * patience) as Duration)
  }

  roundEnded(result: RoundResult, now: Instant): void {
    this.#isProven = result.proof !== null
    if (this.#isProven) {
      this.#provenAt = now
      // It lives: what refused my dial was something on the way.
      this.#linkUndoubted()
    } else this.#isUnprovenSinceRefusal = this.isRefused
    this.#cause = this.#causeOf(result)
  }

  /** No third member is there to be asked: I hear none of several members. */
  isLonely(): void {
    this.#cause = 'my-link'
  }

  /** Nobody at all is there to be asked, the silent member included. */
  isUnaskable(): void {
    this.#isProven = false
  }

  #causeOf({ proof, isHung, asked, answered }: RoundResult): SuspicionCause {
    if (proof === 'direct') return 'their-link'
    if (proof === 'indirect') return 'my-link'
    if (isHung || this.isRefused) return 'their-process'
    // Nobody but itself was there to be asked: nothing new is known.
    if (asked === 0) return this.#cause
    return answered === 0 ? 'my-link' : 'their-link'
  }

  #linkUndoubted(): void {
    this.#reconnect = null
    this.#isUnprovenSinceRefusal = false
    this.#corroborators.clear()
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

  /**
   * Moves the state on if the silence says so; whoever is silent enough passes through `suspect`.
   * `patience` (1 or more) stretches every span: the observer's own health.
   */
  judge(now: Instant, patience: number): void {
    if (this.#state === 'dead') return
    if (this.#state !== 'suspect') {
      if (!this.#isOverdue(now, patience)) return
      this.#state = 'suspect'
      this.#suspectSince = now
      this.#cause = this.#isGoneForTwo ? 'their-process' : 'overdue'
      this.#nextRoundAt = now
      this.#isProven = null
      return
    }
    // Two saw its machine refuse, all who were asked have no proof of its life: no need to wait for silence.
    const isGone = this.#isGoneForTwo && this.#isUnprovenSinceRefusal
    if (isGone || this.#isOverdueForGood(now, patience)) this.#state = 'dead'
  }

  get #isGoneForTwo(): boolean {
    return this.isRefused && this.#corroborators.size > 0
  }

  #isOverdue(now: Instant, patience: number): boolean {
    if (this.#gaps === null) {
      return (
        between(this.#silentSince, now) >= this.#pace.interval * this.#pace.newIntervals * patience
      )
    }
    return this.#stretchedPhi(now, patience) >= suspectPhi || this.#isGoneForTwo
  }

  #isOverdueForGood(now: Instant, patience: number): boolean {
    // Nobody is given up unasked, nor on an old answer: one of many in doubt waits for its turn to be asked.
    if (this.#isProven !== false) return false
    const held = (this.#pace.interval * provenIntervals * patience) as Duration
    if (this.#provenAt !== null && now < after(this.#provenAt, held)) return false
    const suspectFor = between(this.#suspectSince ?? now, now)
    const waited = this.#gaps === null ? this.#pace.newIntervals : suspicionIntervals
    if (suspectFor < this.#pace.interval * waited * patience) return false
    return this.#gaps === null || this.#stretchedPhi(now, patience) >= deadPhi
  }

  /** Phi as if time ran slower: an observer that is not well counts a longer silence as a shorter one. */
  #stretchedPhi(now: Instant, patience: number): number {
    const silence = between(this.#silentSince, now) / patience
    return this.#gaps?.phi(silence as Duration) ?? 0
  }
}

function earlier(left: Instant, right: Instant): Instant {
  return left < right ? left : right
}
