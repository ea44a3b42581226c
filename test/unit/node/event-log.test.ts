import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { seconds } from '../../../src/base/time.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import type { NodeEvent } from '../../../src/node/handle.ts'
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

test('callers who make something happen without end push nothing else out, and the record hears of each', async () => {
  const time = new VirtualTime()
  let heard = 0
  const log = new EventLog({ clock: time.clock, log: silentLogger, heard: () => heard++ })
  log.note('removed', 'rare')
  for (let i = 0; i < 5_000; i++) log.noteSome('signed', 'often', { i })
  await time.advance(seconds(10))
  log.noteSome('signed', 'often', { i: 5_000 })
  log.note('end', 'the last')
  const noted: NodeEvent[] = []
  for await (const event of log.follow(new AbortController().signal)) {
    noted.push(event)
    if (event.kind === 'end') break
  }
  expect(noted).toHaveLength(23)
  expect(noted[0]).toMatchObject({ kind: 'removed' })
  expect(noted[20]).toMatchObject({ kind: 'signed', facts: { i: 19 } })
  expect(noted[21]).toMatchObject({ kind: 'signed', facts: { i: 5_000, leftOut: 4_980 } })
  expect(heard).toBe(5_003)
})

test('an aborted reader ends, also while it waits', async () => {
  const log = eventLog()
  const stopping = new AbortController()
  const reading = take(log, 1, stopping.signal)
  await Promise.resolve()
  stopping.abort()
  expect(await reading).toEqual([])
})
