/**
 * Hands the event loop back between slices of work. Messages that came in one read follow each other as microtasks,
 * and nothing else runs until the last: five seconds' worth of a flood kept timers and sockets waiting for half a second.
 */
import { between, type Clock, type Duration, type Instant } from '../../base/time.ts'

/** The work of one kind on one event loop, whoever brings it. */
export class LoopShare {
  readonly #clock: Clock
  readonly #slice: Duration
  /** When the slice began; `undefined` while the loop did something else since. */
  #began: Instant | undefined
  #next: Promise<void> | undefined

  /** `slice`: how long the loop may be kept in one go. */
  constructor(clock: Clock, slice: Duration) {
    this.#clock = clock
    this.#slice = slice
  }

  /** `undefined` while the slice lasts, at no cost; otherwise wait for what is returned and ask again. */
  wait(): Promise<void> | undefined {
    if (this.#next !== undefined) return this.#next
    const now = this.#clock.monotonic()
    if (this.#began === undefined) {
      this.#began = now
      setImmediate(() => {
        this.#began = undefined
      })
    }
    if (between(this.#began, now) < this.#slice) return undefined
    this.#next = new Promise(resolve => {
      setImmediate(() => {
        this.#next = undefined
        this.#began = undefined
        resolve()
      })
    })
    return this.#next
  }
}
