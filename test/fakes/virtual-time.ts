/** A clock that stands still until the test moves it, and the timers that run on it. */
import { type Clock, type Duration, instant, milliseconds, timestamp } from '../../src/base/time.ts'
import type { Timers } from '../../src/host/port.ts'

interface Alarm {
  readonly at: number
  readonly order: number
  readonly action: () => void
}

/** When virtual time begins, Unix milliseconds. */
export const virtualEpoch: number = Date.UTC(2026, 10, 1)

/** Virtual time of one simulation. Alarms of one instant run in the order they were set. */
export class VirtualTime {
  #now = 0
  #order = 0
  readonly #alarms = new Set<Alarm>()
  /** Added to the wall clock only: a host that turns its clock. */
  wallSkew = 0

  readonly clock: Clock = {
    monotonic: () => instant(this.#now),
    wall: () => timestamp(virtualEpoch + this.#now + this.wallSkew),
  }

  readonly timers: Timers = {
    after: (span, action) => {
      const alarm = { at: this.#now + Math.max(0, span), order: this.#order++, action }
      this.#alarms.add(alarm)
      return () => void this.#alarms.delete(alarm)
    },
  }

  get now(): number {
    return this.#now
  }

  /** How many alarms are set. */
  get pending(): number {
    return this.#alarms.size
  }

  /** Moves time on, running every alarm due on the way and all that follows from it. */
  async advance(span: Duration | number): Promise<void> {
    const end = this.#now + span
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#alarms.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.action()
      await settle()
    }
    this.#now = end
  }

  /** Moves time on until `condition` holds. @throws if it does not within `limit`. */
  async until(condition: () => boolean, limit: Duration = milliseconds(60_000)): Promise<void> {
    const end = this.#now + limit
    await settle()
    while (!condition()) {
      const next = this.#next(end)
      if (next === undefined) throw new Error(`not so within ${limit} ms of virtual time`)
      this.#alarms.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.action()
      await settle()
    }
  }

  #next(end: number): Alarm | undefined {
    let best: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.at > end) continue
      const isEarlier =
        best === undefined ||
        alarm.at < best.at ||
        (alarm.at === best.at && alarm.order < best.order)
      if (isEarlier) best = alarm
    }
    return best
  }
}

/** Lets every promise that can go on do so; code under test may itself take turns of the event loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
