/**
 * The group clock: one time for all members that no host sets.
 *
 * A founder reads a wall clock once, not below what build and manifest prove; who joins adopts a value as
 * `clock-adoption.ts` says. From then on it runs on the monotonic clock, slewed by at most 1 % toward the lower median
 * of what the members' accepted beats say, own value included, one voice for each platform instance. It
 * never goes back, unless a joiner took it from a member that two others contradict. A liar, or less than half of the instances lying high, cannot pull it above an honest
 * value; lying low slows it by 1 % at most.
 */
import {
  between,
  type Duration,
  hours,
  type Instant,
  milliseconds,
  seconds,
} from '../../base/time.ts'
import { stampMsMax } from '../../wire/entry.ts'

/** Fastest correction: one part in so many. */
const slewPart = 100
/** A correction is spread over this time, so that a jitter of beats does not saturate the slew. */
const slewHorizon = seconds(10)
/** Beats older than this say nothing about now. */
const beatAgeMax = seconds(30)
const instancesMax = 1024

/** Tombstones live so long: longer than any epoch key, so that no sealed message outlives them. */
export const tombstoneLife = hours(24)

interface Reading {
  readonly value: number
  readonly at: Instant
}

export class GroupClock {
  #base: Reading | undefined
  /** Correction of the rate in force since `#base`, -0.01..0.01. */
  #slew = 0
  readonly #beats = new Map<string, Reading>()

  /** Whether it runs. */
  get isSet(): boolean {
    return this.#base !== undefined
  }

  /** Starts at `value` if it does not run yet: a founder's clamped wall clock or an active member's value. */
  start(value: number, now: Instant): void {
    if (this.#base !== undefined || value > stampMsMax) return
    this.#base = { value: Math.floor(value), at: now }
  }

  /** Sets a clock that went by the word of one member anew, back as well: two others agree that it is wrong. */
  correct(value: number, now: Instant): void {
    this.#base = { value: Math.floor(value), at: now }
    this.#slew = 0
  }

  /** Whole milliseconds, or `undefined` before it was started. Equal or later than any earlier answer. */
  read(now: Instant): number | undefined {
    return this.#base === undefined ? undefined : Math.floor(this.#exact(this.#base, now))
  }

  /** Tombstones stamped below this are pruned: whole hours. */
  floor(now: Instant): number | undefined {
    const value = this.read(now)
    if (value === undefined) return undefined
    const hour = hours(1)
    return Math.max(0, Math.floor((value - tombstoneLife) / hour) * hour)
  }

  /** What an accepted beat from a platform instance said, and when it came. */
  heard(instance: string, value: number, now: Instant): void {
    if (value > stampMsMax) return
    if (!this.#beats.has(instance) && this.#beats.size >= instancesMax) return
    this.#beats.set(instance, { value, at: now })
    this.#steer(now)
  }

  /** Drops the voices of instances that are no longer in the roster. */
  keep(instances: ReadonlySet<string>): void {
    for (const instance of this.#beats.keys()) {
      if (!instances.has(instance)) this.#beats.delete(instance)
    }
  }

  #steer(now: Instant): void {
    if (this.#base === undefined) return
    const own = this.#exact(this.#base, now)
    const voices = [own]
    for (const { value, at } of this.#beats.values()) {
      const age = between(at, now)
      if (age <= beatAgeMax) voices.push(value + age)
    }
    voices.sort((left, right) => left - right)
    const lowerMedian = voices[(voices.length - 1) >> 1] ?? own
    const wanted = (lowerMedian - own) / slewHorizon
    this.#base = { value: own, at: now }
    this.#slew = Math.max(-1 / slewPart, Math.min(1 / slewPart, wanted))
  }

  #exact(base: Reading, now: Instant): number {
    const elapsed = Math.max(0, between(base.at, now))
    // A correction ends when it has done its work, even if no beat comes any more.
    const corrected = Math.min(elapsed, slewHorizon)
    return base.value + elapsed + corrected * this.#slew
  }
}

/** A stamp without its author. */
export interface Tick {
  readonly ms: number
  readonly counter: number
}

const counterLimit = 2 ** 32

/** A hybrid logical clock (Kulkarni et al. 2014) over the group clock: later than all it has seen. */
export class HybridClock {
  #ms = 0
  #counter = 0

  /** The next stamp; `groupMs` is the group clock now. */
  next(groupMs: number): Tick {
    if (groupMs > this.#ms) {
      this.#ms = groupMs
      this.#counter = 0
    } else if (++this.#counter === counterLimit) {
      this.#ms++
      this.#counter = 0
    }
    return { ms: this.#ms, counter: this.#counter }
  }

  /** Begins anew after `ms`: what it has seen beyond was stamped by a wrong time. */
  restart(ms: number): void {
    this.#ms = ms
    this.#counter = 0
  }

  /** Takes a merged stamp into account. */
  see(ms: number, counter: number): void {
    if (ms > this.#ms || (ms === this.#ms && counter > this.#counter)) {
      this.#ms = ms
      this.#counter = counter
    }
  }
}

/** The default of `ReplicaOptions.maxDrift`. */
export const maxDriftDefault: Duration = milliseconds(30_000)
