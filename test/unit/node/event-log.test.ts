import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const eventLog = () => new EventLog({ clock: new VirtualTime().clock, log: silentLogger })

async function take(log: EventLog, count: number, signal: AbortSignal): Promise<readonly string[]> {
  const kinds: string[] = []
  for await (const { kind } of log.follow(signal)) {
    kinds.push(kind)
    if (kinds.length === count) break
  }
  return kinds
}

test('a reader gets what was noted before and what comes after, in order', async () => {
  const log = eventLog()
  log.note('a', 'before')
  const reading = take(log, 3, new AbortController().signal)
  await Promise.resolve()
  log.note('b', 'after')
  log.note('c', 'after')
  expect(await reading).toEqual(['a', 'b', 'c'])
})

test('a reader that is slower than the ring skips the oldest and no more', async () => {
  const log = eventLog()
  for (let i = 0; i < 1_005; i++) log.note(String(i), 'many')
  const kinds = await take(log, 1_000, new AbortController().signal)
  expect(kinds[0]).toBe('5')
  expect(kinds.at(-1)).toBe('1004')
})

test('an aborted reader ends, also while it waits', async () => {
  const log = eventLog()
  const stopping = new AbortController()
  const reading = take(log, 1, stopping.signal)
  await Promise.resolve()
  stopping.abort()
  expect(await reading).toEqual([])
})
