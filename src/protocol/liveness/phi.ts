/**
 * How surprising a silence is.
 *
 * You wait for a bus that came at 7:00, 7:10, 7:19 and 7:31. At 7:40 you shrug, at 7:50 you look up, at
 * 8:10 you walk. No fixed timeout told you so: you compared the silence with the gaps you had seen. Phi
 * puts a number on it: -log10 of the chance that the bus is only late. Phi 1 is wrong one time in ten,
 * phi 5 one time in a hundred thousand.
 *
 * Source: Hayashibara, Défago, Yared, Katayama, "The phi accrual failure detector", SRDS 2004, §4.
 */
import type { Duration } from '../../base/time.ts'

/** Gaps remembered per member: about a minute of beats, so that a changed link is believed within one. */
const gapsMax = 64

/**
 * The last gaps between arrivals of one sender, with bounds on what they may teach.
 *
 * Differs from Hayashibara 2004 §4.2: mean and deviation are clamped to multiples of the promised
 * interval, because unbounded they let a perfectly regular link alarm at the first hiccup, and let a
 * sender that slows down teach its observers never to miss it.
 */
export class ArrivalGaps {
  readonly #interval: Duration
  readonly #gaps = new Float64Array(gapsMax)
  #count = 0
  #next = 0
  #mean: number
  #deviation: number

  /** `interval` is the first estimate: what the sender promises, with half of it as deviation. */
  constructor(interval: Duration) {
    this.#interval = interval
    this.#mean = interval
    this.#deviation = interval * deviationMin
  }

  /** Takes the gap between two arrivals into account. */
  add(gap: Duration): void {
    this.#gaps[this.#next] = gap
    this.#next = (this.#next + 1) % gapsMax
    this.#count = Math.min(this.#count + 1, gapsMax)
    const seen = this.#gaps.subarray(0, this.#count)
    const mean = seen.reduce((sum, each) => sum + each, 0) / this.#count
    const variance = seen.reduce((sum, each) => sum + (each - mean) ** 2, 0) / this.#count
    this.#mean = clamp(mean, this.#interval, this.#interval * meanMax)
    this.#deviation = clamp(
      Math.sqrt(variance),
      this.#interval * deviationMin,
      this.#interval * deviationMax,
    )
  }

  /** The suspicion level after `silence`. */
  phi(silence: Duration): number {
    return phiOf((silence - this.#mean) / this.#deviation)
  }
}

/** Least deviation, in intervals: two lost beats in a row are not news. */
const deviationMin = 0.5
/** Most deviation and mean, in intervals: a crash of the worst link is still noticed within 14. */
const deviationMax = 1.5
const meanMax = 3

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high)
}

/**
 * -log10 of the chance that a normal variable exceeds its mean by `z` deviations; never negative.
 *
 * Near the mean by the power series, in the tail by the continued fraction of the Mills ratio in the
 * logarithm, so that it neither rounds to zero nor overflows (Abramowitz and Stegun 26.2.11, 26.2.14).
 */
export function phiOf(z: number): number {
  if (z > 3) return upperTailPhi(z)
  if (z < -3) return -Math.log1p(-(10 ** -upperTailPhi(-z))) / Math.LN10
  let term = z
  let sum = z
  for (let odd = 3; Math.abs(term) > 1e-17; odd += 2) {
    term *= (z * z) / odd
    sum += term
  }
  return -Math.log10(0.5 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum)
}

/** Terms of the continued fraction: from z = 3 on, 60 give every digit of a double. */
const fractionTerms = 60

function upperTailPhi(z: number): number {
  let fraction = z
  for (let term = fractionTerms; term > 0; term--) fraction = z + term / fraction
  return ((z * z) / 2 + Math.log(2 * Math.PI) / 2 + Math.log(fraction)) / Math.LN10
}
