/** Virtual time: a clock and timers that move only when a test says so. */
import {
  after,
  type Clock,
  type Duration,
  type Instant,
  instant,
  type Timestamp,
  timestamp,
} from '../../src/base/time.ts'
import type { Timers } from '../../src/host/port.ts'

interface Alarm {
  readonly at: Instant
  readonly order: number
  readonly action: () => void
}

/** Clock and timers of one simulated machine. Alarms run in order of time, then of setting. */
export class VirtualTime implements Clock, Timers {
  #now: Instant = instant(0)
  #wall: Timestamp
  #alarms: Alarm[] = []
  #order = 0

  constructor(wall: Timestamp = timestamp(Date.UTC(2026, 10, 2))) {
    this.#wall = wall
  }

  monotonic(): Instant {
    return this.#now
  }

  wall(): Timestamp {
    return this.#wall
  }

  /** What a hostile host does to the wall clock. */
  setWall(wall: Timestamp): void {
    this.#wall = wall
  }

  after(span: Duration, action: () => void): () => void {
    const alarm = { at: after(this.#now, span), order: this.#order++, action }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter(each => each !== alarm)
    }
  }

  /** Alarms that are set and have not run: what must be none after a stop. */
  get pending(): number {
    return this.#alarms.length
  }

  /** Moves time and runs what falls due, letting promises settle in between. */
  async advance(span: Duration): Promise<void> {
    const end = after(this.#now, span)
    await settle()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#alarms = this.#alarms.filter(alarm => alarm !== next)
      this.#moveTo(next.at)
      next.action()
      await settle()
    }
    this.#moveTo(end)
  }

  #next(end: Instant): Alarm | undefined {
    const due = this.#alarms.filter(alarm => alarm.at <= end)
    return due.sort((left, right) => left.at - right.at || left.order - right.order)[0]
  }

  #moveTo(now: Instant): void {
    const span = (now - this.#now) as Duration
    if (span <= 0) return
    this.#now = now
    this.#wall = after(this.#wall, span)
  }
}

/** Lets everything that waits for no clock finish: a turn of the event loop after all microtasks. */
async function settle(): Promise<void> {
  await new Promise(resolve => setImmediate(resolve))
}
