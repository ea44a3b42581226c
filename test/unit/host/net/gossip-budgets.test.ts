import { expect, test } from 'vitest'
import { type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { milliseconds, seconds } from '../../../../src/base/time.ts'
import { GossipBudgets } from '../../../../src/host/net/gossip-budgets.ts'
import type { Rpc } from '../../../../src/host/net/gossipsub-inside.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'

const neighbour = nodeIdOfKey(new Uint8Array(32).fill(1))
const other = nodeIdOfKey(new Uint8Array(32).fill(2))
const rate = { gossipPerSecond: 500, gossipBytesPerSecond: 16 * 1024 * 1024 }

const messages = (count: number): Rpc => ({
  messages: Array.from({ length: count }, () => ({ topic: 'delta', data: new Uint8Array(400) })),
  subscriptions: [],
})

function budgets() {
  const time = new VirtualTime()
  const floods: NodeId[] = []
  const flooded = (node: NodeId): void => void floods.push(node)
  const book = new GossipBudgets({ clock: time.clock, log: silentLogger, flooded }, rate)
  const taken = (count: number, from = neighbour): number => {
    const rpc = messages(count)
    book.take(from, rpc)
    return rpc.messages.length
  }
  return { time, floods, book, taken }
}

test('what is above a neighbour’s rate is taken out before anybody looks at it', async () => {
  const { time, book, taken } = budgets()
  expect(taken(10_000)).toBe(2_500)
  expect(book.overRate).toBe(7_500)
  await time.advance(seconds(1))
  expect(taken(10_000)).toBe(500)
  expect(taken(100, other)).toBe(100)
})

test('of an author that floods its neighbour one message in ten is opened, and news of others costs nothing', async () => {
  const { time, book, taken } = budgets()
  /** All that is taken was signed by who brought it, and is above its rate. */
  const judged = (count: number): number => {
    let opened = 0
    for (let i = 0; i < count; i++) {
      if (taken(1) === 0) continue
      opened++
      book.exceeded(neighbour)
    }
    return opened
  }
  expect(judged(10_000)).toBe(250)
  await time.advance(seconds(1))
  expect(judged(10_000)).toBe(50)
  for (let i = 0; i < 10_000; i++) {
    expect(taken(1, other)).toBe(1)
    book.refund(other, 400)
  }
})

/** So many messages above the rate in each of some seconds. */
async function flood(
  { time, taken }: ReturnType<typeof budgets>,
  count: number,
  length: number,
): Promise<void> {
  taken(2_500)
  for (let second = 0; second < length; second++) {
    for (let tenth = 0; tenth < 10; tenth++) {
      taken(count / 10 + 50)
      await time.advance(milliseconds(100))
    }
  }
}

test('who sends thousands too many for five seconds on end is told of once, and is to be closed', async () => {
  const world = budgets()
  await flood(world, 6_000, 4)
  expect(world.floods).toEqual([])
  await flood(world, 6_000, 3)
  expect(world.floods).toEqual([neighbour])
})

test('neither a heap that gathered during a pause nor a faster preset next door is a flood', async () => {
  const heap = budgets()
  for (let i = 0; i < 6; i++) {
    heap.taken(12_000)
    await heap.time.advance(seconds(10))
  }
  expect(heap.floods).toEqual([])
  // Fifty authors of `lan` at their full rate, all passed on by one neighbour.
  const near = budgets()
  await flood(near, 50 * 80, 10)
  expect(near.floods).toEqual([])
})
