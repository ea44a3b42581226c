import { between, type Clock, type Duration, type Instant, milliseconds } from './time.ts'

/** What somebody may send in the long run. */
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

  /** Whether one message of so many bytes could be paid for now. */
  allows(bytes: number): boolean {
    this.#fill()
    return this.#messages >= 1 && this.#bytes >= bytes
  }

  /** Pays for one message; `false` leaves the budget as it is. */
  spend(bytes: number): boolean {
    if (!this.allows(bytes)) return false
    this.#messages -= 1
    this.#bytes -= bytes
    return true
  }

  /** Gives back what one message cost. */
  refund(bytes: number): void {
    this.#add(1, bytes)
  }

  /** Takes so many messages more, as far as there are any: what came cost more than one. */
  fine(messages: number): void {
    this.#fill()
    this.#messages = Math.max(0, this.#messages - messages)
  }

  /** How long until a message of so many bytes can be paid for, if nothing else is; at most the burst is saved up. */
  wait(bytes: number): Duration {
    this.#fill()
    const { messagesPerSecond, bytesPerSecond } = this.#rate
    const missing = Math.min(bytes, burst * bytesPerSecond) - this.#bytes
    const span = Math.max((1 - this.#messages) / messagesPerSecond, missing / bytesPerSecond, 0)
    return milliseconds(Math.ceil(span * 1000))
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    const elapsed = between(this.#filledAt, now) / 1000
    this.#filledAt = now
    this.#add(elapsed * this.#rate.messagesPerSecond, elapsed * this.#rate.bytesPerSecond)
  }

  #add(messages: number, bytes: number): void {
    const { messagesPerSecond, bytesPerSecond } = this.#rate
    this.#messages = Math.min(burst * messagesPerSecond, this.#messages + messages)
    this.#bytes = Math.min(burst * bytesPerSecond, this.#bytes + bytes)
  }
}
