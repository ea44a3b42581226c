/** Bans by a person's word: whole nodes in virtual time, and the list over a restart. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { type Digest, nodeIdOfKey } from '../../../src/base/ids.ts'
import { days, hours, minutes, seconds } from '../../../src/base/time.ts'
import { BanList } from '../../../src/node/ban-list.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

let simulation: Simulation | undefined
afterEach(async () => {
  await simulation?.stop()
  simulation = undefined
})

const [somebody, another] = [1, 2].map(byte => nodeIdOfKey(new Uint8Array(32).fill(byte))) as [
  never,
  never,
]
const machine = 'ab'.repeat(32) as Digest

function disk() {
  const store = {
    text: '',
    read: () => store.text,
    write: (text: string) => {
      store.text = text
    },
  }
  return store
}

test('a ban by hand cuts the link, keeps it cut for its time, and steers only: all go on as one network', async () => {
  simulation = new Simulation(501)
  const nodes = (await simulation.startNetwork(3)).map(({ node }) => node)
  const [first, second, third] = nodes as [CoterieNode, CoterieNode, CoterieNode]
  const isLinked = (): boolean => first.peers().some(({ node }) => node === third.id)
  expect(isLinked()).toBe(true)
  const ban = first.ban(third.id, { seconds: 600, reason: 'floods us' })
  expect(ban).toMatchObject({ subject: third.id, scope: 'identity', reason: 'floods us', count: 0 })
  await simulation.until(() => !isLinked())
  await simulation.time.advance(minutes(5))
  expect(isLinked()).toBe(false)
  expect(first.bans()).toEqual([ban])
  expect(third.losses().refused.banned + first.losses().refused.banned).toBeGreaterThan(0)
  // It is a member as before, for this node too: what it writes comes through the other.
  expect(first.members().map(({ node }) => node)).toContain(third.id)
  await simulation.settle(third.state.set('said', utf8('through the other'), { ack: 1 }))
  await simulation.until(() => first.state.get('said') !== undefined)
  expect(second.bans()).toEqual([])
  await simulation.time.advance(minutes(6))
  await simulation.until(isLinked, minutes(2))
  expect(first.bans()).toEqual([])
})

test('a machine is banned with all its nodes, and let in again by hand before the time', async () => {
  simulation = new Simulation(502)
  const nodes = (await simulation.startNetwork(3)).map(({ node }) => node)
  const [first, , third] = nodes as [CoterieNode, CoterieNode, CoterieNode]
  const instance = first.members().find(({ node }) => node === third.id)?.instance ?? ''
  const isLinked = (): boolean => first.peers().some(({ node }) => node === third.id)
  first.ban(instance, { seconds: 86_400, reason: '' })
  await simulation.until(() => !isLinked())
  await simulation.time.advance(minutes(2))
  expect(isLinked()).toBe(false)
  expect(first.unban(instance)).toBe(true)
  expect(first.unban(instance)).toBe(false)
  await simulation.until(isLinked, minutes(2))
})

test('a node bans neither itself nor its own machine, nor a word that names nobody', async () => {
  simulation = new Simulation(503)
  const [first] = await simulation.startNetwork(1)
  if (first === undefined) throw new Error('one node was started')
  const { node } = first
  const own = node.members().find(({ self }) => self)?.instance ?? ''
  for (const subject of [node.id, own, 'somebody', '', `${node.id}x`]) {
    expect(() => node.ban(subject, { seconds: 60, reason: '' }), subject).toThrow(
      expect.objectContaining({ code: 'BAD_SUBJECT' }),
    )
  }
  expect(node.bans()).toEqual([])
})

test('a ban by hand has bounds, shortens no ban, and is no fault', async () => {
  const time = new VirtualTime()
  const bans = new BanList(time)
  for (const how of [
    { span: seconds(0), reason: '' },
    { span: days(31), reason: '' },
    { span: minutes(1), reason: 'x'.repeat(201) },
  ]) {
    expect(() => bans.banByHand(somebody, how)).toThrow(
      expect.objectContaining({ code: 'BAD_BAN' }),
    )
  }
  bans.banByHand(somebody, { span: hours(2), reason: '' })
  bans.banByHand(somebody, { span: minutes(1), reason: 'shorter' })
  await time.advance(hours(1))
  expect(bans.barred(somebody)).toMatchObject({ code: 'BANNED', facts: { reason: 'BY_HAND' } })
  await time.advance(hours(1))
  expect(bans.barred(somebody)).toBeUndefined()
  expect(bans.fault({ node: somebody }, 'BAD_FRAME')).toBe(minutes(1))
})

test('a ban by hand outlives a restart, as long as it was given and no longer, whatever the file says', async () => {
  const store = disk()
  const time = new VirtualTime()
  const bans = new BanList({ ...time, clock: time.clock, hints: store })
  bans.banByHand(machine, { span: days(7), reason: 'a broken machine' })
  bans.fault({ node: another }, 'BAD_FRAME')
  await time.advance(days(6))
  const again = new BanList({ clock: time.clock, hints: store })
  expect(again.current()).toMatchObject([{ subject: machine, reason: 'a broken machine' }])
  await time.advance(days(1))
  expect(again.barred(machine)).toBeUndefined()
  // The host writes itself a ban for ever: it ends when the longest by hand would.
  store.text = store.text.replace(/"until":\d+/g, `"until":${Number.MAX_SAFE_INTEGER}`)
  const forged = new BanList({ clock: time.clock, hints: store })
  expect(forged.barred(machine)).toBeDefined()
  await time.advance(days(30))
  expect(forged.barred(machine)).toBeUndefined()
})

test('a flood of faults pushes out neither the newest ban nor more than one for each', () => {
  const bans = new BanList(new VirtualTime())
  for (let i = 0; i < 1_024; i++) {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, i + 10)
    bans.banByHand(nodeIdOfKey(key), { span: hours(1), reason: '' })
  }
  bans.banByHand(somebody, { span: seconds(1), reason: '' })
  expect(bans.barred(somebody)).toBeDefined()
  expect(bans.current()).toHaveLength(1_024)
})
