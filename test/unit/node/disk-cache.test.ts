import { afterEach, expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import type { CoterieNode, NodeEvent } from '../../../src/node/handle.ts'
import { FakeDisk } from '../../fakes/page-store.ts'
import { type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const startOn = (name: string, disk: FakeDisk): Promise<SimulatedNode> =>
  simulation.start(name, { host: host => ({ ...host, openCache: disk.open }) })

const textAt = (node: CoterieNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

const isActive = (node: CoterieNode) => (): boolean => node.status().phase === 'active'

/** Two members without a disk, and one with. */
async function threeWith(disk: FakeDisk): Promise<readonly CoterieNode[]> {
  const first = await simulation.start('node-0', { found: true })
  const second = await simulation.start('node-1')
  const third = await startOn('node-2', disk)
  const nodes = [first.node, second.node, third.node]
  await simulation.until(() => nodes.every(node => node.status().members.live === 3))
  return nodes
}

async function cacheEvents(node: CoterieNode): Promise<NodeEvent['facts'][]> {
  const end = new AbortController()
  const found: NodeEvent['facts'][] = []
  const reading = (async () => {
    for await (const { kind, facts } of node.events(end.signal)) {
      if (kind === 'cache') found.push(facts)
    }
  })()
  await simulation.time.advance(1)
  end.abort()
  await reading.catch(() => undefined)
  return found
}

const write = (node: CoterieNode, key: string, text: string) =>
  simulation.settle(node.state.set(key, utf8(text)))

test('a restarted node reads its pages before it syncs, and ends with what the members hold', async () => {
  simulation = new Simulation(11)
  const disk = new FakeDisk()
  const [first, , third] = await threeWith(disk)
  for (let i = 0; i < 20; i++) await write(third!, `key-${i}`, `value-${i}`)
  await simulation.time.advance(seconds(12))
  expect(disk.pages.size).toBeGreaterThan(0)
  await simulation.settle(third!.stop())
  await write(first!, 'key-3', 'changed meanwhile')
  const back = await startOn('node-2', disk)
  await simulation.until(isActive(back.node))
  expect(await cacheEvents(back.node)).toContainEqual({
    restored: expect.any(Number),
    locked: 0,
    unreadable: 0,
  })
  expect(textAt(back.node, 'key-3')).toBe('changed meanwhile')
  expect(back.node.status().state.entries).toBe(20)
  await simulation.until(() => back.node.status().state.root === first!.status().state.root)
})

test('nothing that was written can be read on the disk', async () => {
  simulation = new Simulation(12)
  const disk = new FakeDisk()
  const [, , third] = await threeWith(disk)
  await write(third!, 'a-key-to-look-for', 'a-value-to-look-for')
  await simulation.time.advance(seconds(12))
  const all = [...disk.pages.values()].map(page => Buffer.from(page).toString('latin1')).join('')
  expect(all.length).toBeGreaterThan(4096)
  expect(all).not.toContain('to-look-for')
  expect(all).not.toContain(toHex(utf8('to-look-for')))
})

test('pages that another network, a flipped bit or a lost key made unreadable are synced instead', async () => {
  simulation = new Simulation(13)
  const disk = new FakeDisk()
  const [first, , third] = await threeWith(disk)
  await write(third!, 'key', 'value')
  await simulation.time.advance(seconds(12))
  await simulation.settle(third!.stop())
  for (const page of disk.pages.values()) page[page.length - 1]! ^= 1
  disk.pages.set(77, new Uint8Array(100))
  disk.pages.set(78, new Uint8Array(0))
  const back = await startOn('node-2', disk)
  await simulation.until(isActive(back.node))
  expect(textAt(back.node, 'key')).toBe('value')
  const [facts] = await cacheEvents(back.node)
  expect(facts).toMatchObject({ restored: 0 })
  await write(first!, 'after', 'x')
  await simulation.time.advance(seconds(12))
  // What could not be read went away once everything was written anew.
  expect([...disk.pages.keys()].every(number => number > 78)).toBe(true)
})

test('pages of a network of which nobody is left are told apart from broken ones', async () => {
  simulation = new Simulation(16)
  const disk = new FakeDisk()
  const nodes = await threeWith(disk)
  await write(nodes[2]!, 'key', 'value')
  await simulation.time.advance(seconds(12))
  for (const node of nodes) await simulation.settle(node!.stop())
  // The same machine founds the network anew: its keys were in memory alone.
  const back = await simulation.start('node-2', {
    found: true,
    host: host => ({ ...host, openCache: disk.open }),
  })
  await simulation.until(isActive(back.node))
  const [facts] = await cacheEvents(back.node)
  expect(facts).toEqual({ restored: 0, locked: expect.any(Number), unreadable: 0 })
  expect(facts?.['locked']).toBeGreaterThan(0)
})

test('a full disk is a warning with a next step, and the cache comes back when there is room', async () => {
  simulation = new Simulation(14)
  const disk = new FakeDisk()
  disk.failPut = new HostError('STORE_FULL', 'The disk is full.', { next: 'Free space.' })
  const [, , third] = await threeWith(disk)
  await write(third!, 'key', 'value')
  await simulation.time.advance(seconds(12))
  expect(third!.status().warnings).toContainEqual({
    code: 'STORE_FULL',
    text: 'The disk is full. Free space.',
  })
  disk.failPut = undefined
  await simulation.time.advance(minutes(3))
  expect(third!.status().warnings).toEqual([])
  expect(disk.pages.size).toBeGreaterThan(0)
})

test.each(['STORE_FAILED', 'STORE_LOCKED'])(
  'a store that does not open (%s) is a warning, and the node becomes active without it',
  async code => {
    simulation = new Simulation(15)
    const disk = new FakeDisk()
    disk.failOpen = new HostError(code, 'No store.')
    const [, , third] = await threeWith(disk)
    expect(third!.status().warnings.map(warning => warning.code)).toEqual([code])
    await write(third!, 'key', 'value')
  },
)

test('a disk that breaks while it is read is emptied and filled again', async () => {
  simulation = new Simulation(16)
  const disk = new FakeDisk()
  const [, , third] = await threeWith(disk)
  await write(third!, 'key', 'value')
  await simulation.time.advance(seconds(12))
  await simulation.settle(third!.stop())
  disk.failRead = new HostError('STORE_DAMAGED', 'Damaged.')
  const back = await startOn('node-2', disk)
  await simulation.until(isActive(back.node))
  expect(disk.clears).toBe(1)
  await simulation.time.advance(minutes(3))
  expect(back.node.status().warnings).toEqual([])
  expect(textAt(back.node, 'key')).toBe('value')
  expect(disk.pages.size).toBeGreaterThan(0)
})

test('a disk that hangs does not keep a node from joining', async () => {
  simulation = new Simulation(17)
  const first = await simulation.start('node-0', { found: true })
  await simulation.until(isActive(first.node))
  const host = { openCache: () => new Promise<never>(() => undefined) }
  const hanging = await simulation.start('node-1', { host: real => ({ ...real, ...host }) })
  await simulation.until(isActive(hanging.node))
})

test('many changes of few keys do not grow the disk without end', async () => {
  simulation = new Simulation(18)
  const disk = new FakeDisk()
  const [, , third] = await threeWith(disk)
  const value = 'x'.repeat(40_000)
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 4; i++) await write(third!, `key-${i}`, value + round)
    await simulation.time.advance(seconds(6))
  }
  const bytes = [...disk.pages.values()].reduce((sum, page) => sum + page.length, 0)
  expect(disk.puts).toBeGreaterThan(50)
  expect(bytes).toBeLessThan(6 * 1024 * 1024)
})

test('what only a cut-off node had written comes back with its disk after a crash', async () => {
  simulation = new Simulation(19)
  const disk = new FakeDisk()
  const [first, second, third] = await threeWith(disk)
  simulation.network.partition([third!.id], [first!.id, second!.id])
  await simulation.settle(third!.state.set('lonely', utf8('kept'), { ack: 'local' }))
  await simulation.time.advance(seconds(12))
  const photograph = disk.photograph()
  await simulation.settle(third!.stop())
  disk.rollBack(photograph)
  simulation.network.heal()
  const back = await startOn('node-2', disk)
  await simulation.until(isActive(back.node))
  await simulation.until(() => textAt(first!, 'lonely') === 'kept')
})
