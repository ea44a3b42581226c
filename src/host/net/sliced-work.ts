/**
 * Pieces of work that come in heaps, done in slices between which the event loop turns. Messages that came in one read
 * follow each other as microtasks, and no timer and no socket has its turn before the last: the first seconds of a flood
 * kept them waiting for half a second.
 */
import { between, type Clock, type Duration, type Instant } from '../../base/time.ts'

export class SlicedWork<T> {
  readonly #clock: Clock
  readonly #work: (piece: T) => void
  readonly #slice: Duration
  readonly #waitingMax: number
  readonly #waiting: T[] = []
  /** When the slice began; `undefined` if the loop has turned since. */
  #began: Instant | undefined

  /**
   * `work` may throw only if it is broken. `slice`: how long the loop may be kept in one go, give or take a piece.
   * `waitingMax`: pieces that wait at most; who brings more does the oldest at once.
   */
  constructor(
    clock: Clock,
    work: (piece: T) => void,
    options: { readonly slice: Duration; readonly waitingMax: number },
  ) {
    this.#clock = clock
    this.#work = work
    this.#slice = options.slice
    this.#waitingMax = options.waitingMax
  }

  /** Does `piece` at once while the slice lasts, and else in a later one: in the order of coming, in any case. */
  do(piece: T): void {
    if (this.#waiting.length === 0 && this.#hasTime()) {
      this.#work(piece)
      return
    }
    this.#waiting.push(piece)
    if (this.#waiting.length > this.#waitingMax) this.#next()
  }

  /** Forgets what waits. */
  stop(): void {
    this.#waiting.length = 0
  }

  #hasTime(): boolean {
    const now = this.#clock.monotonic()
    if (this.#began === undefined) {
      this.#began = now
      setImmediate(() => this.#turn())
    }
    return between(this.#began, now) < this.#slice
  }

  /** The loop has turned: a new slice for what waits. */
  #turn(): void {
    this.#began = undefined
    while (this.#waiting.length > 0 && this.#hasTime()) this.#next()
  }

  #next(): void {
    const piece = this.#waiting.shift()
    if (piece !== undefined) this.#work(piece)
  }
}
