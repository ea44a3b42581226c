import { expect, test } from 'vitest'
import { type Clock, instant, milliseconds, timestamp } from '../../../../src/base/time.ts'
import { LoopShare } from '../../../../src/host/net/loop-share.ts'

const loopTurns = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A share of ten milliseconds, and work that takes time without letting the loop go. */
function world() {
  let now = 0
  const clock: Clock = { monotonic: () => instant(now), wall: () => timestamp(0) }
  const share = new LoopShare(clock, milliseconds(10))
  const work = (span: number): void => {
    now += span
  }
  return { share, work }
}

test('a slice goes on without a pause, and whoever comes after it waits until the loop has turned', async () => {
  const { share, work } = world()
  expect(share.wait()).toBeUndefined()
  work(9)
  expect(share.wait()).toBeUndefined()
  work(1)
  let hasTurned = false
  setImmediate(() => {
    hasTurned = true
  })
  const turn = share.wait()
  expect(turn).toBeDefined()
  await turn
  expect(hasTurned).toBe(true)
  expect(share.wait()).toBeUndefined()
})

test('work that lets the loop go by itself never waits, however much of it there is', async () => {
  const { share, work } = world()
  for (let i = 0; i < 20; i++) {
    expect(share.wait()).toBeUndefined()
    work(9)
    await loopTurns()
  }
})

test('work of many hands keeps the loop no longer than a slice and a piece', async () => {
  const { share, work } = world()
  let sinceTurn = 0
  let longest = 0
  let isDone = false
  const watch = (): void => {
    longest = Math.max(longest, sinceTurn)
    sinceTurn = 0
    if (!isDone) setImmediate(watch)
  }
  setImmediate(watch)
  const hand = async (): Promise<void> => {
    for (let piece = 0; piece < 50; piece++) {
      for (let turn = share.wait(); turn !== undefined; turn = share.wait()) await turn
      sinceTurn += 3
      work(3)
    }
  }
  await Promise.all([hand(), hand(), hand()])
  isDone = true
  expect(longest).toBeGreaterThan(0)
  expect(longest).toBeLessThan(10 + 3)
})
