import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { milliseconds, seconds } from '../../../../src/base/time.ts'
import { ArrivalGaps, phiOf } from '../../../../src/protocol/liveness/phi.ts'

test('phi is the logarithm of the upper tail of the normal distribution', () => {
  // Upper tail probabilities: Abramowitz and Stegun, table 26.1 (to 5), and 26.2 (10).
  const table = [
    [0, 0.5],
    [1, 0.15865525393],
    [2, 0.02275013195],
    [3, 0.00134989803],
    [4, 0.0000316712418],
    [5, 0.000000286651572],
    [-1, 0.84134474607],
    [-4, 0.9999683287582],
  ] as const
  for (const [z, tail] of table) expect(phiOf(z)).toBeCloseTo(-Math.log10(tail), 8)
  expect(phiOf(10)).toBeCloseTo(23.11805, 5)
})

test('phi never falls as the silence grows, and never overflows', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -50, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 10, noNaN: true }),
      (z, more) => {
        // Up to rounding: the two formulas meet at z = 3.
        expect(phiOf(z + more)).toBeGreaterThanOrEqual(phiOf(z) * (1 - 1e-9) - 1e-12)
        expect(phiOf(z)).toBeGreaterThanOrEqual(0)
        expect(Number.isFinite(phiOf(z))).toBe(true)
      },
    ),
  )
})

test('a jumpy link needs a longer silence than a steady one', () => {
  const steady = new ArrivalGaps(seconds(1))
  const jumpy = new ArrivalGaps(seconds(1))
  for (let beat = 0; beat < 100; beat++) {
    steady.add(seconds(1))
    jumpy.add(milliseconds(beat % 2 === 0 ? 100 : 2500))
  }
  expect(jumpy.phi(seconds(4))).toBeLessThan(steady.phi(seconds(4)) / 2)
})

test('neither bursts nor long absences bend the estimate beyond its bounds', () => {
  const burst = new ArrivalGaps(seconds(1))
  const sluggish = new ArrivalGaps(seconds(1))
  for (let beat = 0; beat < 100; beat++) {
    burst.add(milliseconds(0))
    sluggish.add(seconds(3600))
  }
  expect(burst.phi(seconds(2))).toBeLessThan(2)
  expect(sluggish.phi(seconds(14))).toBeGreaterThan(12)
})

test('what was long ago is forgotten', () => {
  const gaps = new ArrivalGaps(seconds(1))
  for (let beat = 0; beat < 64; beat++) gaps.add(seconds(beat % 2 === 0 ? 1 : 5))
  const after = new ArrivalGaps(seconds(1))
  for (let beat = 0; beat < 64; beat++) gaps.add(seconds(1))
  expect(gaps.phi(seconds(3))).toBeCloseTo(after.phi(seconds(3)), 9)
})
