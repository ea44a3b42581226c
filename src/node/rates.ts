import { between, type Clock, type Instant, seconds } from '../base/time.ts'

/** Over how long a rate is averaged: short enough to follow by eye, long enough not to flicker. */
const window = seconds(5)
const slotsMax = 16

/** Events per second over the last few seconds, from a counter that only rises. */
export class Rate {
  readonly #clock: Clock
  readonly #count: () => number
  #samples: { readonly at: Instant; readonly count: number }[]

  constructor(ports: { readonly clock: Clock; readonly count: () => number }) {
    this.#clock = ports.clock
    this.#count = ports.count
    this.#samples = [{ at: ports.clock.monotonic(), count: ports.count() }]
  }

  /** Call it as often as you like; the answer is rounded to a tenth. */
  perSecond(): number {
    const at = this.#clock.monotonic()
    const count = this.#count()
    const newest = this.#samples.at(-1)
    if (newest === undefined || between(newest.at, at) >= window / slotsMax) {
      this.#samples.push({ at, count })
    }
    while (this.#samples.length > 2 && between(this.#samples[1]?.at ?? at, at) > window) {
      this.#samples.shift()
    }
    const oldest = this.#samples[0]
    if (oldest === undefined || at <= oldest.at) return 0
    const rate = ((count - oldest.count) * 1000) / between(oldest.at, at)
    return Math.round(rate * 10) / 10
  }
}
