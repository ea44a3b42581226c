import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hours, type Instant, instant } from '../../../../src/base/time.ts'
import { GroupClock, HybridClock } from '../../../../src/protocol/replica/group-clock.ts'

const start = Date.UTC(2026, 0, 1)

function running(value = start, now: Instant = instant(0)): GroupClock {
  const clock = new GroupClock()
  clock.start(value, now)
  return clock
}

test('it does not run before it is started, and starts once', () => {
  const clock = new GroupClock()
  expect(clock.read(instant(5))).toBeUndefined()
  clock.start(start, instant(10))
  clock.start(0, instant(10))
  expect(clock.read(instant(1010))).toBe(start + 1000)
})

test('it never goes back and is never slewed by more than one part in a hundred', () => {
  const step = fc.record({
    pause: fc.integer({ min: 0, max: 20_000 }),
    instance: fc.integer({ min: 0, max: 5 }),
    lie: fc.oneof(
      fc.integer({ min: -2000, max: 2000 }),
      fc.constantFrom(-start, 10 * 365 * 24 * 3600 * 1000, -86_400_000, 2 ** 50),
    ),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const clock = running()
      let [now, last] = [0, start]
      for (const { pause, instance, lie } of steps) {
        const before = now
        now += pause
        const read = clock.read(instant(now)) ?? 0
        expect(read).toBeGreaterThanOrEqual(last)
        expect(read - last).toBeLessThanOrEqual((now - before) * 1.01 + 1)
        expect(read - last).toBeGreaterThanOrEqual((now - before) * 0.99 - 1)
        last = read
        clock.heard(String(instance), Math.max(0, start + now + lie), instant(now))
        expect(clock.read(instant(now))).toBeGreaterThanOrEqual(last)
      }
    }),
  )
})

test('fewer liars than half the voices never pull it beyond the honest ones', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -500, max: 500 }), { minLength: 1, maxLength: 5 }),
      fc.array(fc.constantFrom(3600_000, -3600_000, 10 ** 12, -start), { maxLength: 5 }),
      (honest, lies) => {
        // Own and honest voices together outnumber the liars.
        const liars = lies.slice(0, honest.length)
        const clock = running()
        const [low, high] = [Math.min(0, ...honest), Math.max(0, ...honest)]
        for (let now = 0; now <= 300_000; now += 1000) {
          for (const [i, skew] of honest.entries()) {
            clock.heard(`h${i}`, start + now + skew, instant(now))
          }
          for (const [i, lie] of liars.entries()) {
            clock.heard(`l${i}`, Math.max(0, start + now + lie), instant(now))
          }
          const error = (clock.read(instant(now)) ?? 0) - start - now
          expect(error).toBeGreaterThanOrEqual(low - 1)
          expect(error).toBeLessThanOrEqual(high + 1)
        }
      },
    ),
    { numRuns: 60 },
  )
})

test('many identities on one platform instance have one voice', () => {
  const clock = running()
  for (let now = 0; now <= 60_000; now += 1000) {
    for (let i = 0; i < 20; i++) clock.heard('liar', start + now + 10_000_000, instant(now))
    clock.heard('honest', start + now, instant(now))
  }
  expect(clock.read(instant(60_000))).toBe(start + 60_000)
})

test('two clocks apart come together at the lower one', () => {
  const [fast, slow] = [running(start + 2000), running(start)]
  for (let now = 0; now <= 600_000; now += 1000) {
    const [f, s] = [fast.read(instant(now)) ?? 0, slow.read(instant(now)) ?? 0]
    fast.heard('slow', s, instant(now))
    slow.heard('fast', f, instant(now))
  }
  const apart = (fast.read(instant(600_000)) ?? 0) - (slow.read(instant(600_000)) ?? 0)
  expect(Math.abs(apart)).toBeLessThan(20)
  expect(slow.read(instant(600_000))).toBe(start + 600_000)
})

test('the floor is a whole hour at least a day back', () => {
  const clock = running(start + 90_000)
  expect(clock.floor(instant(0))).toBe(start - hours(24))
  expect(clock.floor(instant(hours(1)))).toBe(start - hours(23))
})

test('a hybrid stamp is later than all made and seen before', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.record({ group: fc.integer({ min: 0, max: 50 }) }),
          fc.record({
            ms: fc.integer({ min: 0, max: 60 }),
            counter: fc.constantFrom(0, 1, 7, 2 ** 32 - 1),
          }),
        ),
      ),
      steps => {
        const clock = new HybridClock()
        let [ms, counter] = [-1, -1]
        for (const step of steps) {
          const stamp =
            'group' in step ? clock.next(step.group) : { ms: step.ms, counter: step.counter }
          if ('group' in step) {
            expect(stamp.ms > ms || (stamp.ms === ms && stamp.counter > counter)).toBe(true)
            expect(stamp.counter).toBeLessThan(2 ** 32)
          } else {
            clock.see(stamp.ms, stamp.counter)
          }
          const isLater = stamp.ms > ms || (stamp.ms === ms && stamp.counter > counter)
          if (isLater) [ms, counter] = [stamp.ms, stamp.counter]
        }
      },
    ),
  )
})
