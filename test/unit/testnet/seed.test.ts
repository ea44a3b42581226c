import { expect, test } from 'vitest'
import { assertSeed, Draws, drawSeed } from '../../../testnet/seed.ts'

const tenUnits = (draws: Draws): number[] => Array.from({ length: 10 }, () => draws.unit())

test('one seed and purpose give the same draws, another of either gives others', () => {
  const first = tenUnits(new Draws('7', 'links'))
  expect(tenUnits(new Draws('7', 'links'))).toEqual(first)
  expect(tenUnits(new Draws('8', 'links'))).not.toEqual(first)
  expect(tenUnits(new Draws('7', 'kills'))).not.toEqual(first)
})

test('draws spread over their range and stay in it', () => {
  const draws = new Draws('spread', 'test')
  const counts = [0, 0, 0, 0, 0]
  for (let each = 0; each < 1000; each++) counts[draws.below(5)]!++
  expect(counts.reduce((sum, count) => sum + count)).toBe(1000)
  // Five deviations of a fair die with five sides.
  for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(64)
  expect(draws.bytes(64)).toHaveLength(64)
  expect(['a', 'b']).toContain(draws.pick(['a', 'b']))
})

test('what is drawn is a seed, and what would break a file name is none', () => {
  assertSeed(drawSeed())
  for (const bad of ['', 'a b', '../x', 'x'.repeat(65)]) {
    expect(() => assertSeed(bad)).toThrow(expect.objectContaining({ code: 'BAD_SEED' }))
  }
})
