/**
 * When a delegated result is re-run: once at a random moment after the first one was believed, then once in each hour, at a random
 * moment of it. So a liar cannot know what will be looked at, and the work is bounded whatever others say.
 */
import { below, type Random } from '../../base/random.ts'
import { after, hours, type Instant, milliseconds, minutes } from '../../base/time.ts'

/** The first re-run comes while what was believed at the start is still young. */
const firstWithin = minutes(1)
const every = hours(1)

export class Rechecks {
  readonly #random: Random
  /** Begin of the hour that the next one falls in, and its moment. */
  #next: { readonly from: Instant; readonly at: Instant } | null = null

  constructor(random: Random) {
    this.#random = random
  }

  /** Something is believed that this node did not see itself. */
  start(now: Instant): void {
    if (this.#next === null) this.#plan(now, firstWithin, now)
  }

  /** Whether one is due; then the next one is planned. */
  takeDue(now: Instant): boolean {
    const next = this.#next
    if (next === null || now < next.at) return false
    // After a long rest the hours that passed are not made up for.
    const from = Math.max(after(next.from, every), now) as Instant
    this.#plan(from, every, from)
    return true
  }

  /** One of `all`, each as likely as any other. */
  pick<T>(all: readonly T[]): T | undefined {
    return all.length === 0 ? undefined : all[below(this.#random, all.length)]
  }

  wakeAt(): Instant | null {
    return this.#next?.at ?? null
  }

  #plan(from: Instant, span: number, start: Instant): void {
    const at = after(start, milliseconds(below(this.#random, span)))
    this.#next = { from, at }
  }
}
