import { expect, test } from 'vitest'
import { handshakeLimits } from '../../../../src/host/net/options.ts'
import { VerificationQueue } from '../../../../src/host/net/verification-queue.ts'

/** Turns that are taken when the test says so. */
function turns() {
  const due: (() => void)[] = []
  const queue = new VerificationQueue(action => void due.push(action))
  const take = (): void => due.shift()?.()
  return { due, queue, take }
}

test('between two appraisals the event loop turns', async () => {
  const queue = new VerificationQueue()
  let turn = 0
  let isOver = false
  const count = (): void => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const seen = await Promise.all(Array.from({ length: 25 }, () => queue.ofStranger(() => turn)))
  isOver = true
  expect(new Set(seen).size).toBe(25)
})

test('appraisals follow one another, and no turn is asked for when none waits', async () => {
  const { due, queue, take } = turns()
  const done: number[] = []
  for (const each of [1, 2, 3]) void queue.ofStranger(() => done.push(each))
  for (const expected of [[], [1], [1, 2], [1, 2, 3]]) {
    expect(done).toEqual(expected)
    expect(due).toHaveLength(expected.length < 3 ? 1 : 0)
    expect(queue.length).toBe(3 - expected.length)
    take()
  }
})

test('members go before strangers', () => {
  const { queue, take } = turns()
  const done: string[] = []
  void queue.ofStranger(() => done.push('stranger'))
  void queue.ofMember(() => done.push('member'))
  void queue.ofMember(() => done.push('another member'))
  for (let i = 0; i < 3; i++) take()
  expect(done).toEqual(['member', 'another member', 'stranger'])
})

test('too many strangers at once are turned away, and no member for them', async () => {
  const { queue, take } = turns()
  const max = handshakeLimits.verificationQueueMax
  const waiting = Array.from({ length: max }, () => queue.ofStranger(() => 'appraised'))
  let isLateAppraised = false
  const late = queue.ofStranger(() => {
    isLateAppraised = true
  })
  expect(await late).toBeUndefined()
  const member = queue.ofMember(() => 'member')
  for (let i = 0; i <= max; i++) take()
  expect(await member).toBe('member')
  expect(await Promise.all(waiting)).toEqual(Array(max).fill('appraised'))
  expect(isLateAppraised).toBe(false)
  expect(await Promise.race([queue.ofStranger(() => ''), 'waits'])).toBe('waits')
})

test('what throws is told to whoever asked, and the others have their turn', async () => {
  const { queue, take } = turns()
  const broken = queue.ofStranger(() => {
    throw new RangeError('broken')
  })
  const good = queue.ofStranger(() => 'good')
  const caught = broken.catch((error: unknown) => error)
  take()
  take()
  expect(await caught).toBeInstanceOf(RangeError)
  expect(await good).toBe('good')
})
