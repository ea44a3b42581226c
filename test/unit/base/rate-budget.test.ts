import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RateBudget } from '../../../src/base/rate-budget.ts'
import { seconds } from '../../../src/base/time.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const rate = { messagesPerSecond: 20, bytesPerSecond: 1000 }

test('five seconds’ worth comes at once, then the rate holds, in messages and in bytes', async () => {
  for (const [bytes, atOnce, perSecond] of [
    [0, 100, 20],
    [100, 50, 10],
  ] as const) {
    const time = new VirtualTime()
    const budget = new RateBudget(rate, time.clock)
    const taken = (): number => {
      let count = 0
      while (budget.spend(bytes)) count++
      return count
    }
    expect(taken()).toBe(atOnce)
    await time.advance(seconds(1))
    expect(taken()).toBe(perSecond)
    await time.advance(seconds(3600))
    expect(taken()).toBe(atOnce)
  }
})

test('whoever waits as long as told can pay, and not a moment sooner', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 4000 }), { minLength: 1, maxLength: 30 }),
      async sizes => {
        const time = new VirtualTime()
        const budget = new RateBudget(rate, time.clock)
        for (const bytes of sizes) {
          const wait = budget.wait(bytes)
          if (wait > 1) {
            await time.advance(wait - 1)
            expect(budget.allows(bytes)).toBe(false)
            await time.advance(1)
          } else await time.advance(wait)
          expect(budget.spend(bytes)).toBe(true)
        }
      },
    ),
    // Amounts that left a rounding error behind when they were counted in fractions.
    { numRuns: 20, examples: [[[2187, 2676, 119, 2, 1018]]] },
  )
})

test('a fine takes what there is and leaves no debt', async () => {
  const time = new VirtualTime()
  const budget = new RateBudget(rate, time.clock)
  budget.fine(1_000)
  expect(budget.spend(0)).toBe(false)
  await time.advance(seconds(1))
  const taken = Array.from({ length: 30 }, () => budget.spend(0)).filter(Boolean)
  expect(taken).toHaveLength(20)
})

test('a refund never saves up more than the burst', () => {
  const { clock } = new VirtualTime()
  const budget = new RateBudget(rate, clock)
  budget.refund(1_000_000)
  expect(budget.spend(5001)).toBe(false)
  expect(budget.spend(5000)).toBe(true)
  budget.refund(5000)
  expect(budget.spend(5000)).toBe(true)
})
