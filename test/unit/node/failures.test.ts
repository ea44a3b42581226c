/** How soon whole nodes know of a death, and of which deaths they are never told. */
import { afterEach, expect, test } from 'vitest'
import type { NodeId } from '../../../src/base/ids.ts'
import { days, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { isWhole, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation

afterEach(() => simulation.stop())

/** How `node` sees `other`; `gone` once it has forgotten it. */
function stateOf(node: CoterieNode, other: NodeId): string {
  return node.members().find(member => member.node === other)?.state ?? 'gone'
}

const isOver = (state: string): boolean => state === 'dead' || state === 'gone'

test('the death of a process is known to all within a second, before a single beat is overdue', async () => {
  simulation = new Simulation(301)
  const nodes = await simulation.startNetwork(5)
  const [victim, ...others] = nodes.toReversed()
  if (victim === undefined) throw new Error('five nodes')
  const { id } = victim.node
  await victim.crash()
  const crashedAt = simulation.time.now
  await simulation.until(() => others.every(({ node }) => isOver(stateOf(node, id))))
  expect(simulation.time.now - crashedAt).toBeLessThanOrEqual(seconds(1))
})

test('a network that breaks for a moment ends nobody', async () => {
  simulation = new Simulation(302)
  const nodes = await simulation.startNetwork(5)
  const ids = nodes.map(({ node }) => node.id)
  const seen = new Set<string>()
  const look = (): boolean => {
    for (const { node } of nodes) for (const { state } of node.members()) seen.add(state)
    return false
  }
  for (let blip = 0; blip < 5; blip++) {
    const left = ids.slice(0, 1 + (blip % 3))
    simulation.network.partition(
      left,
      ids.filter(id => !left.includes(id)),
    )
    await simulation.until(look, seconds(1.5)).catch(() => undefined)
    await simulation.time.advance(seconds(1))
    look()
    simulation.network.heal()
    await simulation.time.advance(seconds(6))
    look()
  }
  expect(seen.has('dead')).toBe(false)
  expect(nodes.every(({ node }) => node.status().members.live === 5)).toBe(true)
})

test('a member whose dials the host of one node refuses is not ended: others reach it', async () => {
  simulation = new Simulation(303)
  const nodes = await simulation.startNetwork(4)
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('four nodes')
  const { id } = second.node
  // One link breaks, and the host of the first node refuses every dial to the second.
  simulation.network.refuse(first.node.id, id)
  for (let second = 0; second < 20; second++) {
    await simulation.time.advance(seconds(1))
    expect(isOver(stateOf(first.node, id))).toBe(false)
  }
  expect(stateOf(first.node, id)).toBe('alive')
})

test('a host that turns its clock, by a day or ten years, changes what nobody thinks of who lives', async () => {
  simulation = new Simulation(304)
  let skew = 0
  const turned = (host: Host): Host => ({
    ...host,
    clock: {
      monotonic: () => host.clock.monotonic(),
      wall: () => timestamp(host.clock.wall() + skew),
    },
  })
  const liar = await simulation.start('liar', { found: true, host: turned })
  const others = await Promise.all(['a', 'b', 'c'].map(name => simulation.start(name)))
  const nodes = [liar, ...others]
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 4)))
  for (const jump of [days(-1), minutes(30), days(-1)]) {
    skew = jump
    await simulation.time.advance(seconds(8))
    for (const { node } of nodes) expect(node.status().members.live, `${jump} ms`).toBe(4)
  }
  skew = days(3650)
  await simulation.time.advance(seconds(15))
  for (const { node } of others) {
    for (const other of others) expect(stateOf(node, other.node.id)).toBe('alive')
  }
})
