import { expect, test } from 'vitest'
import { type Clock, instant, milliseconds, timestamp } from '../../../../src/base/time.ts'
import { SlicedWork } from '../../../../src/host/net/sliced-work.ts'

const loopTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Slices of ten milliseconds, and pieces that take as long as their number says. */
function world(waitingMax = 1_000) {
  let now = 0
  const clock: Clock = { monotonic: () => instant(now), wall: () => timestamp(0) }
  const done: number[] = []
  const work = (piece: number): void => {
    now += piece
    done.push(piece)
  }
  const sliced = new SlicedWork(clock, work, { slice: milliseconds(10), waitingMax })
  return { sliced, done }
}

test('what comes alone is done at once', async () => {
  const { sliced, done } = world()
  for (const piece of [9, 8, 7]) {
    sliced.do(piece)
    expect(done.at(-1)).toBe(piece)
    await loopTurn()
  }
})

test('a heap is done in the order of its coming, and the loop turns after each slice', async () => {
  const { sliced, done } = world()
  const heap = Array.from({ length: 40 }, (_, i) => 3 + (i % 2) / 10)
  for (const piece of heap) sliced.do(piece)
  let before = 0
  let turns = 0
  for (; before < heap.length; turns++) {
    // A slice and a piece of three milliseconds.
    expect(done.length - before).toBeLessThanOrEqual(4)
    before = done.length
    await loopTurn()
  }
  expect(turns).toBeGreaterThanOrEqual(10)
  expect(done).toEqual(heap)
})

test('what comes while others wait goes behind them', async () => {
  const { sliced, done } = world()
  for (const piece of [10, 1, 2]) sliced.do(piece)
  expect(done).toEqual([10])
  await Promise.resolve().then(() => sliced.do(3))
  while (done.length < 4) await loopTurn()
  expect(done).toEqual([10, 1, 2, 3])
})

test('no more wait than may: whoever brings more does the oldest', () => {
  const { sliced, done } = world(2)
  for (const piece of [10, 1, 2, 3, 4]) sliced.do(piece)
  expect(done).toEqual([10, 1, 2])
})

test('what waits at the end is not done', async () => {
  const { sliced, done } = world()
  for (const piece of [10, 1]) sliced.do(piece)
  sliced.stop()
  await loopTurn()
  await loopTurn()
  expect(done).toEqual([10])
})
