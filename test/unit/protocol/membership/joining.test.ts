import { expect, test } from 'vitest'
import { UsageError } from '../../../../src/base/errors.ts'
import { type Duration, hours, minutes, seconds } from '../../../../src/base/time.ts'
import { epochKeyKinds } from '../../../../src/wire/epoch-key.ts'
import { network3, type TestNode, World } from './harness.ts'

function expectSameKeys(world: World, nodes: readonly TestNode[]): void {
  for (const kind of epochKeyKinds) {
    const ids = nodes.map(({ machine }) => machine.sealingKey(kind, world.now)?.id)
    expect(ids[0]).toBeDefined()
    expect(new Set(ids).size).toBe(1)
  }
}

test('a founder tries every address first, then makes three keys and is active', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  world.run(seconds(4))
  expect(a.machine.phase).toBe('joining')
  expect(a.machine.keyCounts(world.now)).toEqual({ traffic: 0, storage: 0, commit: 0 })
  world.run(seconds(2))
  expect(a.machine.phase).toBe('active')
  expect(a.machine.keyCounts(world.now)).toEqual({ traffic: 1, storage: 1, commit: 1 })
})

test('joining nodes become active with keys and a sync, and all seal under the same keys', () => {
  const world = new World()
  const nodes = network3(world)
  for (const { machine } of nodes) expect(machine.phase).toBe('active')
  expectSameKeys(world, nodes)
  for (const node of nodes.slice(1)) {
    const phases = node.effects('phaseChanged').map(({ phase }) => phase)
    expect(phases).toEqual(['active'])
  }
})

test('keys without a sync, or a sync without keys, do not make a node active', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  world.run(seconds(30))
  expect(b.machine.sealingKey('traffic', world.now)).toBeDefined()
  expect(b.machine.phase).toBe('joining')
  const c = world.add('c', { isFresh: false })
  world.run(seconds(3))
  world.sync(c, a)
  world.run(seconds(30))
  expect(c.machine.phase).toBe('joining')
  world.sync(b, a)
  expect(b.machine.phase).toBe('active')
})

test('a sync from a node that is itself joining does not count', () => {
  const world = new World()
  world.add('a', { isFounder: true })
  const b = world.add('b')
  const c = world.add('c')
  world.run(seconds(10))
  world.sync(b, c)
  world.run(seconds(10))
  expect(b.machine.phase).toBe('joining')
})

test('the active member that an instance hears of later is joined as well', () => {
  const world = new World()
  const b = world.add('b')
  const c = world.add('c')
  world.run(seconds(20))
  expect(b.machine.phase).toBe('alone')
  expect(b.machine.next).toContain('--found')
  const a = world.add('a', { isFounder: true })
  world.run(seconds(12))
  expect(a.machine.phase).toBe('active')
  expect(b.machine.phase).toBe('joining')
  world.sync(b, a)
  world.sync(c, a)
  world.run(seconds(2))
  expect(c.machine.phase).toBe('active')
  expectSameKeys(world, [a, b, c])
})

test('who may not found is told so at once', () => {
  const world = new World()
  expect(() => world.add('a', { isFounder: true, mayFound: false })).toThrow(UsageError)
})

test('a founder that finds an active member joins it and makes no key', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  world.run(seconds(8))
  const b = world.add('b', { isFounder: true })
  world.run(seconds(30))
  expect(b.machine.phase).toBe('joining')
  expect(b.machine.sealingKey('traffic', world.now)?.id).toBe(
    a.machine.sealingKey('traffic', world.now)?.id,
  )
  expect(a.machine.keyCounts(world.now).traffic).toBe(1)
})

test('two founders that meet pull each other’s keys and seal alike', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b', { isFounder: true })
  world.partition([a], [b])
  world.run(minutes(1))
  expect([a, b].map(({ machine }) => machine.phase)).toEqual(['active', 'active'])
  world.heal()
  world.run(seconds(5))
  for (const node of [a, b]) {
    expect(node.machine.keyCounts(world.now)).toEqual({ traffic: 2, storage: 2, commit: 2 })
  }
  expectSameKeys(world, [a, b])
})

test('two founders that start side by side end as one network', () => {
  const world = new World()
  const nodes = [world.add('a', { isFounder: true }), world.add('b', { isFounder: true })]
  world.run(seconds(20))
  for (const { machine } of nodes) expect(machine.phase).toBe('active')
  expectSameKeys(world, nodes)
})

test('when the last active member dies the joiners are alone and are told the next step', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b', { isFounder: true })
  const c = world.add('c')
  world.partition([a], [b], [c])
  world.run(seconds(6))
  expect(a.machine.phase).toBe('active')
  world.kill(b)
  world.heal()
  const d = world.add('d', { isFounder: true })
  world.run(seconds(10))
  expect([c, d].map(({ machine }) => machine.phase)).toEqual(['joining', 'joining'])
  world.kill(a)
  world.run(minutes(10))
  for (const { machine } of [c, d]) {
    // A founder that has seen the network does not found another on its own.
    expect(machine.phase).toBe('alone')
    expect(machine.next).toContain('last active member is gone')
  }
})

test('a short loss of sight of the only active member is not yet being alone', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  world.run(seconds(10))
  world.unlink(a, b)
  world.run(seconds(4))
  expect(b.machine.phase).toBe('joining')
  expect(b.links.has(a)).toBe(true)
})

test('an active member that loses everybody stays active, with keys of its own for as long as it takes', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  world.kill(b)
  world.kill(c)
  world.run(hours(9))
  expect(a.machine.phase).toBe('active')
  for (const kind of epochKeyKinds) expect(a.machine.sealingKey(kind, world.now)).toBeDefined()
})

test('a node whose hellos are never answered is disconnected, and a founder does not wait for it for ever', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  world.intercept = ({ from, to }) => (from === b || to === b ? 'drop' : 'pass')
  world.run(seconds(12))
  expect(a.machine.phase).toBe('active')
  expect(a.gates.has(b.id)).toBe(false)
  world.run(seconds(30))
  expect(a.effects('disconnect')).toContainEqual({
    ...{ kind: 'disconnect', node: b.id, code: 'HELLO_UNANSWERED' },
  })
})

test('the machine sleeps: a quiet network of five wakes a few times a minute and no more', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c', 'd', 'e'])
  world.run(seconds(10))
  const before = nodes.map(({ log }) => log.length)
  let wakes = 0
  const feed = world.feed.bind(world)
  world.feed = (node, input) => {
    if (input.kind === 'tick') wakes++
    return feed(node, input)
  }
  world.run(minutes(5) as Duration)
  expect(nodes.map(({ log }) => log.length)).toEqual(before)
  expect(wakes / nodes.length).toBeLessThanOrEqual(10)
})
