import { expect, test } from 'vitest'
import { keyOfNodeId, type NodeId } from '../../../../src/base/ids.ts'
import { minutes, seconds } from '../../../../src/base/time.ts'
import { Chokes } from '../../../../src/host/net/chokes.ts'
import type { Choke } from '../../../../src/wire/choke.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'
import { FakeAdmission } from '../../../fixtures/fake-admission.ts'

const idOf = (name: string): NodeId => new FakeAdmission({ name }).node
const [author, near, far, third] = ['author', 'near', 'far', 'third'].map(idOf) as [
  NodeId,
  NodeId,
  NodeId,
  NodeId,
]
const names = new Map(
  [author, near, far, third].map((id, i) => [id, 'author near far third'.split(' ')[i]]),
)

function world() {
  const time = new VirtualTime()
  const said: string[] = []
  const chokes = new Chokes({
    clock: time.clock,
    timers: time.timers,
    tell: (node, { choked, wanted }) => {
      for (const key of choked) said.push(`${names.get(node)}: choke ${nameOf(key)}`)
      for (const key of wanted) said.push(`${names.get(node)}: want ${nameOf(key)}`)
    },
  })
  let count = 0
  /** Copies of a new message come, one after the other, from these neighbours. */
  const copies = (...from: readonly NodeId[]): string => {
    const id = `message ${count++}`
    const [first, ...others] = from
    chokes.accepted(id, { author, from: first!, isMeshed: true })
    for (const node of others) chokes.duplicate(id, node)
    return id
  }
  const saidNow = async (): Promise<string[]> => {
    await time.advance(100)
    return said.splice(0).sort()
  }
  return { time, chokes, copies, saidNow }
}

const nameOf = (key: Uint8Array): string | undefined =>
  names.get([...names.keys()].find(id => Buffer.from(keyOfNodeId(id)).equals(key)) ?? author)
const choke = (node: NodeId): Choke => ({ choked: [keyOfNodeId(node)], wanted: [] })
const want = (node: NodeId): Choke => ({ choked: [], wanted: [keyOfNodeId(node)] })

test('copies behind the author’s own are choked, whichever came first', async () => {
  const { copies, saidNow } = world()
  copies(near, far, author, third)
  expect(await saidNow()).toEqual([
    'far: choke author',
    'near: choke author',
    'third: choke author',
  ])
})

test('an author that is no neighbour keeps two ways', async () => {
  const { copies, saidNow } = world()
  copies(near, far)
  expect(await saidNow()).toEqual([])
  copies(near, far, third)
  expect(await saidNow()).toEqual(['third: choke author'])
})

test('an author’s own copy that limps behind chokes nobody', async () => {
  const { time, chokes, copies, saidNow } = world()
  const id = copies(near)
  await time.advance(300)
  chokes.duplicate(id, author)
  chokes.duplicate(id, far)
  expect(await saidNow()).toEqual(['far: choke author'])
})

test('a neighbour that sends one message again and again counts once', async () => {
  const { copies, saidNow } = world()
  copies(near, near, near, near)
  expect(await saidNow()).toEqual([])
})

test('a choke is said once, and again when copies go on coming', async () => {
  const { time, copies, saidNow } = world()
  copies(author, near)
  copies(author, near)
  expect(await saidNow()).toEqual(['near: choke author'])
  await time.advance(seconds(10))
  copies(author, near)
  expect(await saidNow()).toEqual([])
  await time.advance(seconds(25))
  copies(author, near)
  expect(await saidNow()).toEqual(['near: choke author'])
})

test('a choked neighbour that brings what is news is asked to pass on, and kept until the author’s own way works again', async () => {
  const { time, copies, saidNow } = world()
  copies(author, near)
  await time.advance(seconds(5))
  await saidNow()
  copies(near)
  expect(await saidNow()).toEqual(['near: want author'])
  await time.advance(seconds(8))
  copies(author, near)
  expect(await saidNow()).toEqual([])
  await time.advance(seconds(3))
  copies(author, near)
  expect(await saidNow()).toEqual(['near: choke author'])
})

test('a neighbour that helped out is kept for a minute while the author is heard through others alone', async () => {
  const { time, copies, saidNow } = world()
  copies(author, near)
  await time.advance(seconds(5))
  await saidNow()
  copies(near)
  await saidNow()
  await time.advance(seconds(50))
  copies(far, third, near)
  expect(await saidNow()).toEqual([])
  await time.advance(seconds(11))
  copies(far, third, near)
  expect(await saidNow()).toEqual(['near: choke author'])
})

test('a copy that crossed a choke on its way is no help', async () => {
  const { copies, saidNow } = world()
  copies(author, near)
  copies(near, author)
  expect(await saidNow()).toEqual(['near: choke author'])
})

test('the loss of the link to an author, or to who brought its messages, asks two others at once', async () => {
  for (const supplier of [author, near]) {
    const { chokes, copies, saidNow } = world()
    copies(author, near, far, third)
    if (supplier !== author) copies(supplier)
    await saidNow()
    chokes.lost(supplier)
    const asked = await saidNow()
    expect(asked).toHaveLength(2)
    for (const line of asked) expect(line).toMatch(/^(near|far|third): want author$/)
  }
})

test('what a neighbour asks binds what it is sent, for one author, and ends by itself', async () => {
  const { time, chokes } = world()
  chokes.told(near, choke(author))
  expect(chokes.standing(near, author)).toBe('choked')
  expect(chokes.standing(far, author)).toBe('meshed')
  expect(chokes.standing(near, third)).toBe('meshed')
  chokes.told(far, want(author))
  expect(chokes.wanting(author)).toEqual([far])
  await time.advance(minutes(1))
  expect(chokes.wanting(author)).toEqual([])
  await time.advance(minutes(4))
  expect(chokes.standing(near, author)).toBe('meshed')
})

test('a neighbour that goes takes what it asked with it', () => {
  const { chokes } = world()
  chokes.told(near, choke(author))
  chokes.lost(near)
  expect(chokes.standing(near, author)).toBe('meshed')
  expect(chokes.needsNames(near)).toBe(false)
})

test('a name is told only once its message had time to arrive', async () => {
  const { time, chokes, copies } = world()
  const id = copies(author)
  expect(chokes.isNameable(id)).toBe(false)
  await time.advance(300)
  expect(chokes.isNameable(id)).toBe(true)
  expect(chokes.isNameable('of long ago')).toBe(true)
})

test('a neighbour that chokes everybody grows no table', () => {
  const { chokes } = world()
  const first = new FakeAdmission({ name: 'first choked' }).node
  chokes.told(near, choke(first))
  for (let i = 0; i < 600; i++) {
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, i + 1)
    chokes.told(near, { choked: [key], wanted: [] })
  }
  expect(chokes.standing(near, first)).toBe('meshed')
})

test('what is said by ever new neighbours as they leave is forgotten', () => {
  const { chokes } = world()
  for (let i = 0; i < 3000; i++) {
    const guest = `guest ${i}` as NodeId
    chokes.lost(guest)
    chokes.told(guest, want(author))
  }
  expect(chokes.wanting(author).length).toBeLessThanOrEqual(1024)
})
