/**
 * Whose word a joiner takes for the time: that of two platform instances that agree, or of the only one there is.
 *
 * The first value heard would make one liar the master of a joiner's time: ten years ahead, and every certificate of
 * every other member has expired for it. A member that is wrong alone is now outvoted by any two that are right, also
 * if it was the only one to be heard at first; if the only two contradict each other, nobody knows the time, and the
 * joiner waits, or goes on with what it has.
 */
import { between, type Duration, type Instant } from '../../base/time.ts'
import { stampMsMax } from '../../wire/entry.ts'

/** What is older says little: it is asked for again with every beat. */
const ageMax = 30_000
const instancesMax = 1024

export class ClockAdoption {
  #isSettled = false
  readonly #claims = new Map<string, { readonly value: number; readonly at: Instant }>()

  /** An active member on this instance says that it is `value`. */
  heard(instance: string, value: number, now: Instant): void {
    if (value > stampMsMax) return
    if (!this.#claims.has(instance) && this.#claims.size >= instancesMax) return
    this.#claims.set(instance, { value, at: now })
  }

  /**
   * The value to adopt now, given the instances of the active members that are not this node, or `undefined`. Of groups of
   * equal size that agree within `drift`, the earlier one counts: what lies ahead does more harm.
   */
  agreed(active: ReadonlySet<string>, drift: Duration, now: Instant): number | undefined {
    const values: number[] = []
    for (const [instance, { value, at }] of this.#claims) {
      const age = between(at, now)
      if (!active.has(instance) || age > ageMax) this.#claims.delete(instance)
      else values.push(value + age)
    }
    if (active.size === 1) return values[0]
    values.sort((left, right) => left - right)
    let best: readonly number[] = []
    for (const [i, first] of values.entries()) {
      const group = values.slice(i).filter(value => value - first <= drift)
      if (group.length > best.length) best = group
    }
    return best.length < 2 ? undefined : best[(best.length - 1) >> 1]
  }

  /** The clock is right by the word of two, or its founder's own. What is said from now on only steers it. */
  settle(): void {
    this.#isSettled = true
    this.#claims.clear()
  }

  get isSettled(): boolean {
    return this.#isSettled
  }
}
