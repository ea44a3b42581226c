import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Duration, milliseconds, seconds } from '../../../../src/base/time.ts'
import { DialTurns } from '../../../../src/host/net/dial-turns.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'

const fresh = { isKnown: false, failures: 0 }

/** Takes turns as dials would. `running` are the names of dials that go on. */
function world() {
  const time = new VirtualTime()
  const turns = new DialTurns(time)
  const begun: string[] = []
  const running = new Set<string>()
  const wait = (span: Duration): Promise<void> =>
    new Promise(resolve => time.timers.after(span, resolve))
  /** A dial: the socket opens after `connect`, the handshake takes `handshake` more; `null` never comes. */
  const dial = async (
    name: string,
    { connect, handshake }: { connect: Duration | null; handshake: Duration },
    priority = fresh,
  ): Promise<void> => {
    using turn = await turns.take(priority)
    begun.push(name)
    if (connect === null) return await wait(seconds(15))
    await wait(connect)
    running.add(name)
    turn.answered()
    await wait(handshake)
    running.delete(name)
  }
  return { time, turns, begun, running, dial }
}

const at = (connect: number, handshake: number) => ({
  connect: milliseconds(connect),
  handshake: milliseconds(handshake),
})

test('a handshake keeps its turn for as long as it takes, so that slow ones do not pile up', async () => {
  const { time, begun, running, dial } = world()
  for (let i = 0; i < 12; i++) void dial(`dial ${i}`, at(1, 9_000))
  let most = 0
  for (let i = 0; i < 80; i++) {
    await time.advance(milliseconds(100))
    most = Math.max(most, running.size)
  }
  expect(begun).toHaveLength(4)
  expect(most).toBe(4)
})

test('an address where nobody answers gives up its turn after two seconds', async () => {
  const { time, begun, dial } = world()
  for (let i = 0; i < 8; i++) void dial(`dead ${i}`, { connect: null, handshake: seconds(0) })
  await time.advance(milliseconds(1_999))
  expect(begun).toHaveLength(4)
  await time.advance(milliseconds(2))
  expect(begun).toHaveLength(8)
})

test('slow handshakes make room for fewer at one time, quick ones for more again', async () => {
  const { time, turns, running, dial } = world()
  for (let i = 0; i < 8; i++) void dial(`slow ${i}`, at(1, 5_000))
  await time.advance(seconds(6))
  expect(turns.width).toBe(2)
  expect(running.size).toBe(2)
  await time.advance(seconds(20))
  expect(running.size).toBe(0)
  for (let i = 0; i < 8; i++) void dial(`quick ${i}`, at(1, 20))
  await time.advance(seconds(1))
  expect(turns.width).toBe(4)
})

test('however many take the socket and say nothing, a dial that never ends holds its turn for twelve seconds at most', async () => {
  const { time, begun, dial } = world()
  for (let i = 0; i < 4; i++) void dial(`tarpit ${i}`, at(1, 10_000_000))
  void dial('honest', at(1, 20))
  await time.advance(seconds(11))
  expect(begun).not.toContain('honest')
  await time.advance(seconds(2))
  expect(begun).toContain('honest')
})

test('whoever was met before goes ahead of any number of addresses that somebody made up', async () => {
  const { time, begun, dial } = world()
  for (let i = 0; i < 100; i++) void dial(`made up ${i}`, at(1, 10_000))
  void dial('met', at(1, 20), { isKnown: true, failures: 3 })
  await time.advance(seconds(12))
  expect(begun.slice(0, 5)).toContain('met')
})

test('every dial gets its turn, and never more than four handshakes go on', async () => {
  const spans = fc.record({
    connect: fc.option(fc.integer({ min: 1, max: 4_000 }), { nil: null }),
    handshake: fc.integer({ min: 1, max: 11_000 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(spans, { maxLength: 20 }), async dials => {
      const { time, turns, begun, running, dial } = world()
      // What connects only after its turn has passed on is above the limit: it cannot be taken back.
      const late = dials.filter(({ connect }) => (connect ?? 0) > 2_000).length
      for (const [i, { connect, handshake }] of dials.entries()) {
        const spans = { connect: connect === null ? null : milliseconds(connect) }
        void dial(`dial ${i}`, { ...spans, handshake: milliseconds(handshake) })
      }
      for (let passed = 0; passed < 320; passed++) {
        await time.advance(seconds(1))
        expect(running.size).toBeLessThanOrEqual(4 + late)
      }
      expect(begun).toHaveLength(dials.length)
      expect(time.pending).toBe(0)
      turns.stop()
    }),
    { numRuns: 30 },
  )
})

test('once stopped, nobody waits for a turn', async () => {
  const { time, turns, begun, dial } = world()
  for (let i = 0; i < 9; i++) void dial(`dial ${i}`, at(1, 5_000))
  await time.advance(milliseconds(10))
  expect(begun).toHaveLength(4)
  turns.stop()
  await time.advance(milliseconds(10))
  expect(begun).toHaveLength(9)
})
