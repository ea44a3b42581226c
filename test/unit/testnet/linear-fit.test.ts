import { expect, test } from 'vitest'
import { Draws } from '../../../testnet/seed.ts'
import { fitLine, median, quantile } from '../../soak/linear-fit.ts'

const line = (slope: number, noise: number): [number, number][] => {
  const draws = new Draws('fit', 'noise')
  return Array.from({ length: 200 }, (_, x) => [x, 7 + slope * x + noise * (draws.unit() - 0.5)])
}

test('a line is found exactly, and without doubt', () => {
  const { slope, error } = fitLine(line(3, 0))
  expect(slope).toBeCloseTo(3, 9)
  expect(error).toBeCloseTo(0, 9)
})

test('growth under noise is told from noise alone by its error', () => {
  const leak = fitLine(line(0.5, 20))
  const none = fitLine(line(0, 20))
  expect(leak.slope - 3 * leak.error).toBeGreaterThan(0)
  expect(none.slope - 3 * none.error).toBeLessThanOrEqual(0)
})

test('a median and a quantile are values that were there', () => {
  expect(median([5, 1, 9])).toBe(5)
  expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9)).toBe(10)
  expect(quantile([4], 0.99)).toBe(4)
})
