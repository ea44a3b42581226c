/** How late the event loop is: a timer knows when it should have run. */
import { performance } from 'node:perf_hooks'

/** How often the loop is looked at, in milliseconds. */
const step = 250
/** Looks kept: ten seconds, so that a scrape or a probe sees a stall that is over. */
const looksMax = 40

/** Watches the loop until `stop`; holds no process open. */
export class LoopLag {
  readonly #looks: number[] = []
  readonly #timer: NodeJS.Timeout
  #expectedAt = performance.now() + step

  constructor() {
    this.#timer = setInterval(() => this.#look(), step)
    this.#timer.unref()
  }

  /** The longest delay of the last ten seconds and of this moment, in milliseconds. */
  longest(): number {
    return Math.max(0, performance.now() - this.#expectedAt, ...this.#looks)
  }

  /** What it saw stays; from now on nothing is late. Idempotent. */
  stop(): void {
    clearInterval(this.#timer)
    this.#expectedAt = Number.POSITIVE_INFINITY
  }

  #look(): void {
    const now = performance.now()
    this.#looks.push(Math.max(0, now - this.#expectedAt))
    if (this.#looks.length > looksMax) this.#looks.shift()
    this.#expectedAt = now + step
  }
}
