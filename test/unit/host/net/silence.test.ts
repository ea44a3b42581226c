import { expect, test } from 'vitest'
import type { Instant } from '../../../../src/base/time.ts'
import { milliseconds, seconds } from '../../../../src/base/time.ts'
import { Silence } from '../../../../src/host/net/silence.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'

/** One connection whose other end answers after `takes`; never if that is `null`. */
function world(takes: number | null) {
  const time = new VirtualTime()
  const asked: number[] = []
  const connection = {
    status: 'open',
    heardAt: undefined as Instant | undefined,
    ended: undefined as Error | undefined,
    abort(error: Error) {
      connection.status = 'aborted'
      connection.ended = error
    },
  }
  const silence = new Silence<typeof connection>({
    clock: time.clock,
    timers: time.timers,
    limits: { pingInterval: seconds(5), pingTimeout: seconds(10) },
    connections: () => [connection],
    heardAt: each => each.heardAt,
    ask: (_connection, signal) =>
      new Promise((resolve, reject) => {
        asked.push(time.now)
        signal.addEventListener('abort', () => reject(new Error('too late')))
        if (takes !== null) time.timers.after(milliseconds(takes), resolve)
      }),
  })
  silence.start()
  const hear = (): void => {
    connection.heardAt = time.clock.monotonic()
  }
  return { time, asked, connection, silence, hear }
}

test('whoever is heard is never asked', async () => {
  const { time, asked, connection, hear } = world(null)
  for (let i = 0; i < 60; i++) {
    hear()
    await time.advance(seconds(1))
  }
  expect(asked).toEqual([])
  expect(connection.status).toBe('open')
})

test('a connection whose other end died without a word is ended within fifteen seconds', async () => {
  const { time, connection, hear } = world(null)
  hear()
  await time.advance(seconds(16))
  expect(connection.ended).toMatchObject({ code: 'PING_UNANSWERED' })
})

test('whoever has nothing to say and answers is asked each interval, one question at a time', async () => {
  const { time, asked, connection } = world(7_000)
  await time.advance(seconds(60))
  expect(connection.status).toBe('open')
  expect(asked.length).toBeGreaterThanOrEqual(5)
  const gaps = asked.slice(1).map((at, i) => at - (asked[i] ?? 0))
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(7_000)
})

test('an answer that is late ends nothing while other words come', async () => {
  const { time, asked, connection, hear } = world(null)
  await time.advance(seconds(6))
  expect(asked).toHaveLength(1)
  hear()
  await time.advance(seconds(10))
  expect(connection.status).toBe('open')
})

test('once stopped, it asks nobody and ends nothing', async () => {
  const { time, asked, connection, silence } = world(null)
  await time.advance(seconds(6))
  silence.stop()
  await time.advance(seconds(60))
  expect(asked).toHaveLength(1)
  expect(connection.status).toBe('open')
  expect(time.pending).toBe(0)
})
