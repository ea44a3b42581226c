/**
 * Appraising evidence costs milliseconds of the only thread, and strangers choose when it is asked for. So
 * few appraisals are admitted at a time, more wait, and between two of them everybody else gets a turn.
 */
import { handshakeLimits } from './options.ts'

/** Admits appraisals of strangers' evidence one after the other. */
export class VerificationQueue {
  readonly #waiting: (() => void)[] = []
  #running = 0

  /** How many appraisals run or wait. */
  get length(): number {
    return this.#running + this.#waiting.length
  }

  /** The result of `appraise`, run in its turn; `undefined` at once if too many wait. */
  async run<T>(appraise: () => T): Promise<T | undefined> {
    if (this.#running >= handshakeLimits.verificationsMax) {
      if (this.#waiting.length >= handshakeLimits.verificationQueueMax) return undefined
      // Whoever ends an appraisal hands its place on, so that nobody slips in between.
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    } else {
      this.#running++
    }
    try {
      // Sockets, timers and members' streams come first: a turn of the event loop lies between appraisals.
      await new Promise<void>(resolve => setImmediate(resolve))
      return appraise()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
