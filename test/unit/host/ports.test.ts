import { expect, test } from 'vitest'
import { milliseconds } from '../../../src/base/time.ts'
import { systemClock } from '../../../src/host/clock.ts'
import { systemRandom } from '../../../src/host/random.ts'
import { systemTimers } from '../../../src/host/timers.ts'

test('monotonic time does not go back', () => {
  let last = systemClock.monotonic()
  for (let i = 0; i < 10_000; i++) {
    const now = systemClock.monotonic()
    expect(now >= last).toBe(true)
    last = now
  }
})

test('every draw is fresh and owns its memory', () => {
  const draws = Array.from({ length: 1000 }, () => systemRandom.bytes(16))
  expect(new Set(draws.map(draw => draw.toString())).size).toBe(1000)
  expect(draws.every(draw => draw.buffer.byteLength === 16)).toBe(true)
})

test('a cancelled timer never fires, and cancelling again does nothing', async () => {
  const fired: string[] = []
  const cancel = systemTimers.after(milliseconds(1), () => fired.push('cancelled'))
  cancel()
  cancel()
  await new Promise<void>(resolve => {
    systemTimers.after(milliseconds(5), () => {
      fired.push('kept')
      resolve()
    })
  })
  expect(fired).toEqual(['kept'])
})

test('a wait that the platform would cut to nothing is refused', () => {
  expect(() => systemTimers.after(milliseconds(2 ** 31), () => {})).toThrow('2^31')
})
