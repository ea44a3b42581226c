import { between, type Clock, type Instant } from '../../base/time.ts'

/** What a neighbour may send in the long run. */
export interface Rate {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
}

/** How many seconds' worth may come at once after a pause. */
const burst = 5

/** A token bucket of messages and bytes: a steady rate, and a burst of five seconds' worth. */
export class RateBudget {
  readonly #rate: Rate
  readonly #clock: Clock
  #messages: number
  #bytes: number
  #filledAt: Instant

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate
    this.#clock = clock
    this.#messages = burst * rate.messagesPerSecond
    this.#bytes = burst * rate.bytesPerSecond
    this.#filledAt = clock.monotonic()
  }

  /** Pays for one message; `false` leaves the budget as it is. */
  spend(bytes: number): boolean {
    const now = this.#clock.monotonic()
    const elapsed = between(this.#filledAt, now) / 1000
    this.#filledAt = now
    const { messagesPerSecond, bytesPerSecond } = this.#rate
    this.#messages = Math.min(
      burst * messagesPerSecond,
      this.#messages + elapsed * messagesPerSecond,
    )
    this.#bytes = Math.min(burst * bytesPerSecond, this.#bytes + elapsed * bytesPerSecond)
    if (this.#messages < 1 || this.#bytes < bytes) return false
    this.#messages -= 1
    this.#bytes -= bytes
    return true
  }
}
