/**
 * A node cut off for hours, which goes on writing for itself. Keys live half a day and removals are remembered for one:
 * 13 hours cross the first of the two, 26 hours both. Beats come once a minute, so that a day passes in seconds.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { hours, minutes } from '../../../src/base/time.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { FakeDisk } from '../../fakes/page-store.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
// A day of virtual time is half a minute of a processor that others use as well.
vi.setConfig({ testTimeout: 1_800_000 })

/** Keys that nobody touches while the node is away: what is not different should not travel. */
const restingKeys = 200
const restingValue = 'x'.repeat(200)

const textAt = (node: CoterieNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const countAt = (node: CoterieNode): bigint | undefined => {
  const entry = node.state.get('count')
  return entry?.kind === 'counter' ? entry.value : undefined
}
const rootsOf = (nodes: readonly CoterieNode[]): ReadonlySet<string> =>
  new Set(nodes.map(node => node.status().state.root))
const written = (write: Promise<unknown>) => simulation.settle(write, minutes(2))
const local = { ack: 'local' } as const

/** Two members that stay, and one that will be away. */
async function start(disk?: FakeDisk): Promise<readonly SimulatedNode[]> {
  const slow = { beatIntervalMs: 60_000, leaseMs: 600_000 }
  const fixture = testNetwork({
    seed: 'hours offline',
    change: manifest => ({ ...manifest, liveness: { ...manifest.liveness, ...slow } }),
  })
  simulation = new Simulation(31, fixture, 'wan')
  const nodes = [await simulation.start('node-0', { found: true })]
  nodes.push(await simulation.start('node-1'), await startAway(disk))
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 3)), minutes(10))
  return nodes
}

const startAway = (disk?: FakeDisk): Promise<SimulatedNode> =>
  simulation.start('away', { host: host => ({ ...host, openCache: disk?.open ?? null }) })

/** What all hold before the cut. */
async function fill(nodes: readonly CoterieNode[]): Promise<void> {
  const [first, , away] = nodes
  for (let i = 0; i < restingKeys; i++) {
    await written(first!.state.set(`resting/${i}`, utf8(restingValue)))
  }
  for (const key of ['removed by others', 'removed by it', 'removed and set again']) {
    await written(away!.state.set(key, utf8('old')))
  }
  await written(first!.state.increment('count', 1))
  await simulation.until(() => rootsOf(nodes).size === 1, minutes(5))
}

/** Both sides remove in the first hour, and write in each. Answers the keys that were acknowledged on either. */
async function passApart(nodes: readonly CoterieNode[], count: number): Promise<string[]> {
  const [first, second, away] = nodes
  const keys: string[] = []
  const write = async (node: CoterieNode, key: string, options = {}): Promise<void> => {
    await written(node.state.set(key, utf8(key), options))
    keys.push(key)
  }
  await written(first!.state.delete('removed by others'))
  await written(first!.state.delete('removed and set again'))
  await written(away!.state.delete('removed by it', local))
  await written(away!.state.set('last of many', utf8('at first'), local))
  for (let hour = 0; hour < count; hour++) {
    await write(first!, `first/${hour}`)
    await write(second!, `second/${hour}`)
    await write(away!, `away/${hour}`, local)
    await written(away!.state.increment('count', 1, local))
    await written(away!.state.set('last of many', utf8(`hour ${hour}`), local))
    await simulation.time.advance(hours(1))
  }
  await written(second!.state.set('removed and set again', utf8('new')))
  return keys
}

function expectUnion(nodes: readonly CoterieNode[], keys: readonly string[], away: boolean): void {
  for (const node of nodes) {
    const lost = keys.filter(key => textAt(node, key) !== key)
    expect(lost, 'acknowledged and lost').toEqual([])
    expect(textAt(node, 'removed by others')).toBeUndefined()
    expect(textAt(node, 'removed and set again')).toBe('new')
    expect(node.state.list({ prefix: 'resting/', limit: 1000 })).toHaveLength(restingKeys)
    if (!away) continue
    expect(textAt(node, 'removed by it')).toBeUndefined()
  }
}

/** Bytes of sync that a node took in and gave out so far, by way. */
function syncBytes(node: CoterieNode): Map<string, number> {
  const bytes = new Map<string, number>()
  for (const { name, samples } of node.metrics()) {
    if (name !== 'coterie_replica_sync_bytes_total') continue
    for (const { labels, value } of samples) {
      const path = labels['path'] ?? ''
      bytes.set(path, (bytes.get(path) ?? 0) + value)
    }
  }
  return bytes
}

test.each([6, 13, 26])(
  'after %i hours away all that either side acknowledged is everywhere, and nothing removed comes back',
  async count => {
    const simulated = await start()
    const nodes = simulated.map(({ node }) => node)
    await fill(nodes)
    const away = nodes[2]!
    simulation.network.partition(
      nodes.slice(0, 2).map(({ id }) => id),
      [away.id],
    )
    const keys = await passApart(nodes, count)
    expect(rootsOf(nodes).size).toBe(2)
    const before = syncBytes(away)
    simulation.network.heal()
    await simulation.until(() => nodes.every(node => isWhole(node, 3)), minutes(10))
    await simulation.until(() => rootsOf(nodes).size === 1, minutes(10))
    expectUnion(nodes, keys, true)
    expect(nodes.map(node => textAt(node, 'last of many'))).toEqual(
      nodes.map(() => `hour ${count - 1}`),
    )
    expect(nodes.map(countAt)).toEqual(nodes.map(() => BigInt(count + 1)))
    // It goes on as a member: what it writes is acknowledged, and what the others write arrives.
    expect((await written(away.state.set('after', utf8('x')))) as object).toMatchObject({
      acknowledgedBy: expect.any(Number),
    })
    const after = syncBytes(away)
    const moved = [...after].map(
      ([path, bytes]) => [path, bytes - (before.get(path) ?? 0)] as const,
    )
    const whole = restingKeys * restingValue.length
    // Below the floor all is listed once, to see what is gone; above it only what differs travels.
    if (count < 24) {
      expect(moved.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(whole)
    }
  },
)

test.each([26])(
  'a node whose host put its disk of %i hours ago back brings nothing back that was removed',
  async count => {
    const disk = new FakeDisk()
    const simulated = await start(disk)
    const nodes = simulated.map(({ node }) => node)
    await fill(nodes)
    await simulation.time.advance(minutes(1))
    const photograph = disk.photograph()
    expect(photograph.size).toBeGreaterThan(0)
    simulation.network.partition(
      nodes.slice(0, 2).map(({ id }) => id),
      [nodes[2]!.id],
    )
    const keys = await passApart(nodes, count)
    await simulation.settle(simulated[2]!.crash())
    disk.rollBack(photograph)
    simulation.network.heal()
    const { node: back } = await startAway(disk)
    const all = [...nodes.slice(0, 2), back]
    await simulation.until(() => all.every(node => isWhole(node, 3)), minutes(10))
    await simulation.until(() => rootsOf(all).size === 1, minutes(10))
    const acknowledgedByOthers = keys.filter(key => !key.startsWith('away/'))
    expectUnion(all, acknowledgedByOthers, false)
  },
)
