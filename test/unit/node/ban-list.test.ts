import { expect, test } from 'vitest'
import { type Digest, nodeIdOfKey } from '../../../src/base/ids.ts'
import { days, hours, minutes, seconds } from '../../../src/base/time.ts'
import { BanList } from '../../../src/node/ban-list.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const nodeOf = (byte: number) => nodeIdOfKey(new Uint8Array(32).fill(byte))
const instanceOf = (text: string): Digest => text.repeat(32) as Digest
const instance = instanceOf('ab')

/** A disk that the host owns. */
function disk(text?: string) {
  const write = (next: string): void => {
    store.text = next
  }
  const store = { text, read: () => store.text, write }
  return store
}

test('a fault bans for a minute, each further one twice as long, up to a day', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  const spans: number[] = []
  for (let i = 0; i < 13; i++) {
    const span = bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')
    spans.push(span)
    expect(bans.barred(nodeOf(1))).toMatchObject({ code: 'BANNED', facts: { reason: 'BAD_FRAME' } })
    await time.advance(span)
    expect(bans.barred(nodeOf(1))).toBeUndefined()
  }
  expect(spans.slice(0, 4)).toEqual([minutes(1), minutes(2), minutes(4), minutes(8)])
  expect(spans.slice(-2)).toEqual([days(1), days(1)])
})

test('faults during a ban are part of the one that it is for', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  for (let i = 0; i < 100; i++) bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')
  await time.advance(minutes(1))
  expect(bans.barred(nodeOf(1))).toBeUndefined()
  expect(bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')).toBe(minutes(2))
})

test('a new identity of the same machine is banned with it, and inherits its count', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')
  expect(bans.barred(nodeOf(2))).toBeUndefined()
  expect(bans.barred(instance)).toMatchObject({ code: 'BANNED', facts: { scope: 'instance' } })
  await time.advance(minutes(1))
  expect(bans.fault({ node: nodeOf(2), instance }, 'BAD_FRAME')).toBe(minutes(2))
})

test('a day of good behaviour after a ban forgets the faults', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')
  await time.advance(days(1))
  await time.advance(minutes(2))
  expect(bans.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')).toBe(minutes(1))
})

test('bans and their counts survive a restart where the host keeps the file', async () => {
  const time = new VirtualTime()
  const hints = disk()
  new BanList({ clock: time.clock, hints }).fault({ node: nodeOf(1), instance }, 'BAD_FRAME')
  await time.advance(seconds(20))
  const restarted = new BanList({ clock: time.clock, hints })
  expect(restarted.barred(instance)).toMatchObject({ facts: { seconds: 40 } })
  await time.advance(seconds(41))
  expect(restarted.fault({ node: nodeOf(1), instance }, 'BAD_FRAME')).toBe(minutes(2))
})

test.each([
  ['nothing', ''],
  ['noise', '\u0000{{{'],
  ['another format', '{"format":2,"bans":[]}'],
  ['an unknown field', '{"format":1,"bans":[],"allow":["everybody"]}'],
  ['a count beyond all bounds', JSON.stringify({ format: 1, bans: [hint({ count: 1e9 })] })],
  ['a subject that is none', JSON.stringify({ format: 1, bans: [hint({ subject: '../../x' })] })],
  ['more bans than a node keeps', JSON.stringify({ format: 1, bans: Array(1025).fill(hint({})) })],
  ['a file without end', `{"format":1,"bans":[]${' '.repeat(600_000)}}`],
])('a file with %s is ignored', (_, text) => {
  const bans = new BanList({ clock: new VirtualTime().clock, hints: disk(text) })
  expect(bans.current()).toEqual([])
})

test('a host cannot write a ban longer than its faults earn, nor take back one that was given in this run', () => {
  const time = new VirtualTime()
  const until = time.clock.wall() + days(10_000)
  const hints = disk(JSON.stringify({ format: 1, bans: [hint({ until })] }))
  const bans = new BanList({ clock: time.clock, hints })
  expect(bans.barred(instance)?.facts['seconds']).toBe(60)
  bans.fault({ node: nodeOf(3) }, 'BAD_FRAME')
  hints.text = undefined
  expect(bans.barred(nodeOf(3))).toBeDefined()
})

test('bans without end leave a list of bounded size, and the longest stay', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  bans.fault({ node: nodeOf(1) }, 'BAD_FRAME')
  await time.advance(minutes(1))
  bans.fault({ node: nodeOf(1) }, 'BAD_FRAME')
  for (let i = 0; i < 3_000; i++) {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, i + 2)
    bans.fault({ node: nodeIdOfKey(key) }, 'BAD_FRAME')
  }
  expect(bans.current().length).toBe(1_024)
  expect(bans.current()[0]).toMatchObject({ subject: nodeOf(1), count: 2, scope: 'identity' })
  await time.advance(hours(1))
  expect(bans.current()).toEqual([])
})

function hint(change: Record<string, unknown>): Record<string, unknown> {
  const until = 4_000_000_000_000
  return { subject: instance, kind: 'instance', code: 'BAD_FRAME', count: 1, until, ...change }
}

test('a ban that a person lifts is over, and its faults are forgotten', () => {
  const hints = disk()
  const bans = new BanList({ clock: new VirtualTime().clock, hints })
  bans.fault({ node: nodeOf(1) }, 'BAD_FRAME')
  expect(bans.lift(nodeOf(1))).toBe(true)
  expect(bans.lift(nodeOf(1))).toBe(false)
  expect(bans.barred(nodeOf(1))).toBeUndefined()
  expect(hints.text).toBe('{"format":1,"bans":[]}')
  expect(bans.fault({ node: nodeOf(1) }, 'BAD_FRAME')).toBe(minutes(1))
})
