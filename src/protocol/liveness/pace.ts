import { assert } from '../../base/errors.ts'
import type { Duration } from '../../base/time.ts'

/** What a manifest decides about liveness. */
export interface LivenessPace {
  /** One beat per interval; every threshold is a multiple of it, so all members of a network use one. */
  readonly interval: Duration
  /** A beat counts if it cites one that is at most so many intervals old. */
  readonly citationIntervals: number
  /** For how many intervals a member that was never heard is `new`. */
  readonly newIntervals: number
  /** How long a citation of a beat of mine counts for the policy lease, in milliseconds from when I sent it. */
  readonly leaseMs: number
}

/** The pace that all parts of the machine go by, and that a manifest may change under them. */
export class Pace implements LivenessPace {
  #pace: LivenessPace

  constructor(pace: LivenessPace) {
    this.#pace = checked(pace)
  }

  change(pace: LivenessPace): void {
    this.#pace = checked(pace)
  }

  get interval(): Duration {
    return this.#pace.interval
  }

  get citationIntervals(): number {
    return this.#pace.citationIntervals
  }

  get newIntervals(): number {
    return this.#pace.newIntervals
  }

  get leaseMs(): number {
    return this.#pace.leaseMs
  }

  /** Whether nothing differs. */
  equals(other: LivenessPace): boolean {
    return (
      other.interval === this.interval &&
      other.citationIntervals === this.citationIntervals &&
      other.newIntervals === this.newIntervals &&
      other.leaseMs === this.leaseMs
    )
  }
}

function checked(pace: LivenessPace): LivenessPace {
  assert(pace.interval > 0, 'the interval between beats is positive')
  return pace
}
