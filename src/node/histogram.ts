import type { Duration } from '../base/time.ts'

/**
 * Upper bounds of the buckets, in milliseconds: from an answer out of a cache to a wait that a person gives up on, in steps
 * of two or so, because latencies differ by factors.
 */
const bounds = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const

/** How often something took how long, since the start. */
export interface HistogramView {
  /** Upper bound of each bucket but the last, in milliseconds, rising. */
  readonly boundsMs: readonly number[]
  /** One more than bounds: the last counts what took longer than all. */
  readonly counts: readonly number[]
}

/** Counts spans in fixed buckets: its size never grows. */
export class Histogram {
  readonly #counts: number[] = [...bounds, 0].map(() => 0)

  add(span: Duration): void {
    const found = bounds.findIndex(bound => span <= bound)
    const bucket = found < 0 ? bounds.length : found
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
  }

  view(): HistogramView {
    return { boundsMs: bounds, counts: [...this.#counts] }
  }
}
