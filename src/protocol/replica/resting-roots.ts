import { after, between, type Instant, instant, milliseconds, seconds } from '../../base/time.ts'
import type { Commitment } from './commitment.ts'
import type { ReplicaRoots } from './types.ts'

/** 1,000 leaves are 10 ms of hashing at most: what a main loop may hold others up for. Then others have their turn. */
const slice = { leavesMax: 1_000, rest: milliseconds(10) } as const
/** So long nothing may change before hashing begins: while a flood comes in, every hash would be in vain. */
const quiet = milliseconds(100)
/** A flood that never ends is hashed once in so long all the same. */
const patience = seconds(5)

/**
 * The roots for whoever can do without them for a while. A root over ten thousand changed entries takes the
 * main loop a tenth of a second: here it is hashed slice by slice once the writing rests, and known when
 * little is left.
 */
export class RestingRoots {
  readonly #commitment: Commitment
  /** Since when somebody wants roots that are not at hand. */
  #wantedAt: Instant | undefined
  #isSlicing = false
  #changes = 0
  #changedAt: Instant = instant(0)
  #slicedAt: Instant = instant(0)
  #now: Instant = instant(0)

  constructor(commitment: Commitment) {
    this.#commitment = commitment
  }

  /** The roots, or `undefined` while a commit key is missing or too much is left to hash. */
  read(): ReplicaRoots | undefined {
    if (this.#commitment.pending > slice.leavesMax) {
      this.#wantedAt ??= this.#now
      return undefined
    }
    this.#wantedAt = undefined
    const roots = this.#commitment.roots()
    return 'missing' in roots ? undefined : roots
  }

  /** Hashes the next slice if one is due. */
  step(now: Instant): void {
    this.#now = now
    if (this.#commitment.changes !== this.#changes) {
      this.#changes = this.#commitment.changes
      this.#changedAt = now
    }
    const due = this.wakeAt()
    if (due === null || due > now) return
    this.#slicedAt = now
    this.#commitment.advance(slice.leavesMax)
    this.#isSlicing = this.#commitment.pending > slice.leavesMax
    if (!this.#isSlicing) this.#wantedAt = undefined
  }

  wakeAt(): Instant | null {
    if (this.#wantedAt === undefined) return null
    if (this.#isSlicing) return after(this.#slicedAt, slice.rest)
    const [atRest, atLast] = [after(this.#changedAt, quiet), after(this.#wantedAt, patience)]
    return between(atRest, atLast) > 0 ? atRest : atLast
  }
}
