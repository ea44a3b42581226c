import { after, type Instant, instant, milliseconds } from '../../base/time.ts'
import type { Commitment } from './commitment.ts'
import type { ReplicaRoots } from './types.ts'

/** 1,000 leaves are 10 ms of hashing at most: what a main loop may hold others up for. Then others have their turn. */
const slice = { leavesMax: 1_000, rest: milliseconds(10) } as const

/**
 * The roots for whoever can do without them for a while. A root over ten thousand changed entries takes the
 * main loop a tenth of a second: here it is hashed slice by slice, and known once little is left.
 */
export class RestingRoots {
  readonly #commitment: Commitment
  /** Somebody asked while too many leaves were out of date. */
  #isWanted = false
  #slicedAt: Instant = instant(0)

  constructor(commitment: Commitment) {
    this.#commitment = commitment
  }

  /** The roots, or `undefined` while a commit key is missing or too much is left to hash. */
  read(): ReplicaRoots | undefined {
    this.#isWanted = this.#commitment.pending > slice.leavesMax
    if (this.#isWanted) return undefined
    const roots = this.#commitment.roots()
    return 'missing' in roots ? undefined : roots
  }

  /** Hashes the next slice if one is due. */
  step(now: Instant): void {
    if (!this.#isWanted || after(this.#slicedAt, slice.rest) > now) return
    this.#slicedAt = now
    this.#commitment.advance(slice.leavesMax)
    this.#isWanted = this.#commitment.pending > slice.leavesMax
  }

  wakeAt(): Instant | null {
    return this.#isWanted ? after(this.#slicedAt, slice.rest) : null
  }
}
