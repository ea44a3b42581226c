import { afterEach, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { keyOfNodeId } from '../../../src/base/ids.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { isWhole, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
// Minutes of virtual time are seconds of a processor that others use as well.

const textAt = (node: CoterieNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

const rootsOf = (nodes: readonly CoterieNode[]): ReadonlySet<string> =>
  new Set(nodes.map(node => node.status().state.root))

test('five nodes that know one address become one network with one state', async () => {
  simulation = new Simulation(1)
  const nodes = (await simulation.startNetwork(5)).map(({ node }) => node)
  const writes = nodes.map((node, i) => node.state.set(`key-${i}`, utf8(`value-${i}`)))
  for (const write of writes) {
    expect((await simulation.settle(write)).acknowledgedBy).toBeGreaterThan(0)
  }
  await simulation.until(() => nodes.every(node => node.status().state.entries === 5))
  await simulation.until(() => rootsOf(nodes).size === 1)
  expect(textAt(nodes[4] as CoterieNode, 'key-0')).toBe('value-0')
})

test('a write that was acknowledged survives the death of its writer', async () => {
  simulation = new Simulation(2)
  const nodes = await simulation.startNetwork(3)
  const [first, writer, third] = nodes.map(({ node }) => node)
  if (!first || !writer || !third) throw new Error('three nodes were started')
  const { acknowledgedBy } = await simulation.settle(writer.state.set('precious', utf8('kept')))
  expect(acknowledgedBy).toBeGreaterThan(0)
  await nodes[1]?.crash()
  await simulation.until(() => [first, third].every(node => textAt(node, 'precious') === 'kept'))
})

test('a node that starts again is another node and gets the state from its peers', async () => {
  simulation = new Simulation(3)
  const nodes = await simulation.startNetwork(3)
  const old = nodes[2]
  await simulation.settle(nodes[0]?.node.state.set('before', utf8('x')) ?? Promise.reject())
  await old?.crash()
  const back = await simulation.start('node-2')
  expect(back.node.id).not.toBe(old?.node.id)
  await simulation.until(() => back.node.status().phase === 'active')
  await simulation.until(() => textAt(back.node, 'before') === 'x')
})

test('a joiner alone says so, writes nothing and founds nothing', async () => {
  simulation = new Simulation(4)
  const { node } = await simulation.start('lonely')
  await simulation.time.advance(seconds(30))
  expect(node.status().phase).toBe('alone')
  expect(node.status().next).not.toBe('')
  const write = simulation.settle(node.state.set('key', utf8('value')))
  await expect(write).rejects.toMatchObject({ code: 'NOT_READY' })
  expect(node.state.get('key')).toBeUndefined()
})

test('a founder without peers takes a local write and refuses one that nobody can acknowledge', async () => {
  simulation = new Simulation(5)
  const { node } = await simulation.start('founder', { found: true })
  await simulation.until(() => node.status().phase === 'active')
  const lone = simulation.settle(node.state.set('a', utf8('1')))
  await expect(lone).rejects.toMatchObject({ code: 'NO_PEER_TO_ACK' })
  expect(node.state.get('a')).toBeUndefined()
  await simulation.settle(node.state.set('a', utf8('1'), { ack: 'local' }))
  expect(textAt(node, 'a')).toBe('1')
})

test('both sides of a partition go on, and one root comes of the heal', async () => {
  simulation = new Simulation(6)
  const nodes = await simulation.startNetwork(5)
  const ids = nodes.map(({ node }) => node.id)
  simulation.network.partition(ids.slice(0, 2), ids.slice(2))
  await simulation.time.advance(seconds(5))
  const [left, right] = [nodes[0]?.node, nodes[4]?.node]
  if (!left || !right) throw new Error('five nodes were started')
  await simulation.settle(left.state.set('left', utf8('l')))
  await simulation.settle(right.state.set('right', utf8('r')))
  expect(textAt(right, 'left')).toBeUndefined()
  simulation.network.heal()
  const all = nodes.map(({ node }) => node)
  await simulation.until(() =>
    all.every(node => textAt(node, 'left') === 'l' && textAt(node, 'right') === 'r'),
  )
  await simulation.until(() => rootsOf(all).size === 1)
})

test('a removal with too few signatures is refused with how many there are, how many it takes, and what to do', async () => {
  simulation = new Simulation(16)
  const [first, second] = (await simulation.startNetwork(2)).map(({ node }) => node)
  if (!first || !second) throw new Error('two nodes were started')
  const item = simulation.removalOf({ scope: 'identity', subject: keyOfNodeId(second.id) }, 1)
  const refusal = {
    code: 'REMOVAL_BELOW_THRESHOLD',
    message: 'The removal item does not prove itself, signers 1, threshold 2.',
    next: 'Sign with more keys of the manifest set: one --key for each.',
  }
  expect(() => first.remove([item])).toThrow(expect.objectContaining(refusal))
  expect(first.status().removals.count).toBe(0)
})

test('a removed node is cut off everywhere, reads nothing new and does not come back', async () => {
  simulation = new Simulation(7)
  const nodes = await simulation.startNetwork(4)
  const [first, , , removed] = nodes
  if (!first || !removed) throw new Error('four nodes were started')
  await simulation.settle(removed.node.state.set('earlier', utf8('stays')))
  const subject = keyOfNodeId(removed.node.id)
  first.node.remove([simulation.removalOf({ scope: 'identity', subject })])
  const others = nodes.slice(0, 3).map(({ node }) => node)
  await simulation.until(() =>
    others.every(node => node.peers().every(peer => peer.node !== removed.node.id)),
  )
  await simulation.until(() => others.every(node => node.status().keys.traffic > 0))
  await simulation.settle(first.node.state.set('later', utf8('secret')), minutes(1))
  await simulation.time.advance(minutes(5))
  expect(textAt(removed.node, 'later')).toBeUndefined()
  // Nobody may tell it anything any more; that everybody turns it away is what it can say.
  const { warnings, next, phase } = removed.node.status()
  expect(phase).toBe('refused')
  expect(removed.node.losses().refused.removed).toBeGreaterThan(0)
  expect(removed.node.losses().dialFailed.removed).toBeGreaterThan(0)
  expect(first.node.losses().disconnected.removed).toBe(1)
  expect(warnings.map(({ code }) => code)).toContain('TURNED_AWAY')
  expect(next).toContain('never returns')
  expect(others.map(node => textAt(node, 'earlier'))).toEqual(['stays', 'stays', 'stays'])
  expect(others.map(node => textAt(node, 'later'))).toEqual(['secret', 'secret', 'secret'])
  expect(others.every(node => node.members().every(({ node: id }) => id !== removed.node.id))).toBe(
    true,
  )
})

test('a crash is noticed by all others', async () => {
  simulation = new Simulation(8)
  const nodes = await simulation.startNetwork(4)
  const crashed = nodes[3]
  await crashed?.crash()
  const others = nodes.slice(0, 3).map(({ node }) => node)
  await simulation.until(() =>
    others.every(node => {
      const state = node.members().find(({ node: id }) => id === crashed?.node.id)?.state
      return state === undefined || state === 'dead'
    }),
  )
  expect(others.every(node => isWhole(node, 3))).toBe(true)
})

test('a watch sees every change in order, and resumes from its cursor', async () => {
  simulation = new Simulation(9)
  const [writer, reader] = await simulation.startNetwork(2)
  if (!reader || !writer) throw new Error('two nodes were started')
  const cursors: string[] = []
  const seen: string[] = []
  const reading = (async () => {
    for await (const { key, cursor } of reader.node.state.watch({ prefix: 'w/' })) {
      seen.push(key)
      cursors.push(cursor)
      if (seen.length === 3) return
    }
  })()
  for (const i of [1, 2, 3]) await simulation.settle(writer.node.state.set(`w/${i}`, utf8('v')))
  await simulation.settle(reading)
  expect(seen).toEqual(['w/1', 'w/2', 'w/3'])
  const resumed: string[] = []
  for await (const { key } of reader.node.state.watch({
    prefix: 'w/',
    cursor: cursors[0] as string,
  })) {
    resumed.push(key)
    if (resumed.length === 2) break
  }
  expect(resumed).toEqual(['w/2', 'w/3'])
})
