import { between, type Clock, type Duration, type Instant, milliseconds } from './time.ts'

/** What somebody may send in the long run. */
export interface Rate {
  readonly messagesPerSecond: number
  readonly bytesPerSecond: number
}

/** How many seconds' worth may come at once after a pause. */
const burst = 5

/**
 * What the bucket counts in: so many to a message, and to a byte. A whole rate per second then brings whole amounts in whole
 * milliseconds, and whoever waited as long as told is never refused for a rounding error.
 */
const perUnit = 1000

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
    this.#messages = burst * rate.messagesPerSecond * perUnit
    this.#bytes = burst * rate.bytesPerSecond * perUnit
    this.#filledAt = clock.monotonic()
  }

  /** Whether one message of so many bytes could be paid for now. */
  allows(bytes: number): boolean {
    this.#fill()
    return this.#messages >= perUnit && this.#bytes >= bytes * perUnit
  }

  /** Pays for one message; `false` leaves the budget as it is. */
  spend(bytes: number): boolean {
    if (!this.allows(bytes)) return false
    this.#messages -= perUnit
    this.#bytes -= bytes * perUnit
    return true
  }

  /** Gives back what one message cost. */
  refund(bytes: number): void {
    this.#add(perUnit, bytes * perUnit)
  }

  /** Pays for so many messages more, of no bytes: what came costs more than one. `false` leaves the budget as it is. */
  spendMore(messages: number): boolean {
    this.#fill()
    if (this.#messages < messages * perUnit) return false
    this.#messages -= messages * perUnit
    return true
  }

  /** Takes so many messages, as far as there are any: a punishment, and no price, because it leaves no debt. */
  fine(messages: number): void {
    this.#fill()
    this.#messages = Math.max(0, this.#messages - messages * perUnit)
  }

  /** How long until a message of so many bytes can be paid for, if nothing else is; at most the burst is saved up. */
  wait(bytes: number): Duration {
    this.#fill()
    const { messagesPerSecond, bytesPerSecond } = this.#rate
    const missing = Math.min(bytes, burst * bytesPerSecond) * perUnit - this.#bytes
    const span = Math.max(
      (perUnit - this.#messages) / messagesPerSecond,
      missing / bytesPerSecond,
      0,
    )
    return milliseconds(Math.ceil(span))
  }

  #fill(): void {
    const now = this.#clock.monotonic()
    const elapsed = between(this.#filledAt, now)
    this.#filledAt = now
    this.#add(elapsed * this.#rate.messagesPerSecond, elapsed * this.#rate.bytesPerSecond)
  }

  #add(messages: number, bytes: number): void {
    const { messagesPerSecond, bytesPerSecond } = this.#rate
    this.#messages = Math.min(burst * messagesPerSecond * perUnit, this.#messages + messages)
    this.#bytes = Math.min(burst * bytesPerSecond * perUnit, this.#bytes + bytes)
  }
}
