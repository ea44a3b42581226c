import { AdaptiveTimeout, MovingAverage } from '@libp2p/utils'
import { afterEach, expect, test, vi } from 'vitest'
import { outliveClockJumps } from '../../../../src/host/net/clock-jumps.ts'

const year = 365 * 86_400_000
const { alpha } = MovingAverage.prototype

afterEach(() => {
  MovingAverage.prototype.alpha = alpha
  vi.useRealTimers()
})

/** Requests before, during and after jumps of the clock; the last timeout that was granted, in ms. */
function timeoutAfterJumps(): number {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_000 })
  const timeouts = new AdaptiveTimeout({ minTimeout: 10_000 })
  let granted = 0
  for (const jump of [5_000, 10 * year, -20 * year, 5_000, 10 * year, 5_000, 5_000]) {
    const signal = timeouts.getTimeoutSignal()
    granted = signal.timeout
    vi.setSystemTime(Date.now() + jump)
    timeouts.cleanUp(signal)
  }
  return granted
}

test('a wall clock that is set forth and back leaves libp2p with timeouts that are times', () => {
  outliveClockJumps()
  const granted = timeoutAfterJumps()
  expect(granted).toBeGreaterThanOrEqual(10_000)
  expect(granted).toBeLessThanOrEqual(60_000)
})

test('without that every later request fails: the fault is still there', () => {
  expect(timeoutAfterJumps).toThrow(RangeError)
})

test('while the clock goes on evenly the averages are those of libp2p', () => {
  const before = alpha.call(new MovingAverage(5_000), 12_000, 10_000)
  outliveClockJumps()
  expect(new MovingAverage(5_000).alpha(12_000, 10_000)).toBe(before)
})
