import { expect, test } from 'vitest'
import { hours, instant, minutes } from '../../../../src/base/time.ts'
import { Rechecks } from '../../../../src/protocol/membership/rechecks.ts'
import { countDelegated } from '../../../fakes/delegation-count.ts'
import { seeded } from './people.ts'

test('ten nodes all know each other by what two of them looked at', () => {
  const { looks, reruns, signatures, vouched, strangers } = countDelegated(10, 2)
  // Each of the eight has a channel to each of the two, and these to each other: two looks from each end.
  expect(looks).toBe(2 * 2 * (8 * 2 + 1))
  expect(vouched).toBe(8 * 7)
  expect(strangers).toBe(0)
  expect(reruns).toBeLessThanOrEqual(10)
  expect(signatures).toBe(8 * 2)
})

test('a hundred nodes look twenty times less than if each looked at each', () => {
  const work = countDelegated(100, 2, 10)
  expect(work.strangers).toBe(0)
  expect(work.reruns).toBeLessThanOrEqual(100)
  // A signature over results weighs a tenth of a look, which is more than on any platform.
  expect((2 * 100 * 99) / (work.looks + work.reruns + work.signatures / 10)).toBeGreaterThan(20)
})

test('re-runs are one within a minute of the first belief, and one in each hour', () => {
  for (const seed of ['a', 'b', 'c']) {
    const rechecks = new Rechecks(seeded(seed))
    expect(rechecks.wakeAt()).toBeNull()
    rechecks.start(instant(0))
    rechecks.start(instant(5))
    const at: number[] = []
    for (let now = 0; now < hours(48); now += 1_000) {
      if (rechecks.takeDue(instant(now))) at.push(now)
    }
    expect(at[0]).toBeLessThanOrEqual(minutes(1))
    expect(at.length).toBeLessThanOrEqual(48 + 1)
    // One falls into each hour, so two hours' worth are never closer than one.
    const spans = at.slice(2).map((time, i) => time - (at[i] ?? 0))
    expect(Math.min(...spans)).toBeGreaterThanOrEqual(hours(1))
    // Not at the same moment of each: nobody can tell when.
    expect(new Set(at.map(time => time % hours(1))).size).toBeGreaterThan(40)
  }
})

test('hours without a look are not made up for', () => {
  const rechecks = new Rechecks(seeded('d'))
  rechecks.start(instant(0))
  const late = instant(hours(100))
  expect(rechecks.takeDue(late)).toBe(true)
  expect(rechecks.takeDue(late)).toBe(false)
})
