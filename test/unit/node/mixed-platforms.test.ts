/** Whole nodes on machines of every platform in one network: all but the vendors' signatures is what production runs. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { mixedNetwork, on, realPlatforms, simulated } from '../../fixtures/mixed-network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

/** A node on a simulated machine, and one on a machine of each real platform, all whole. */
async function startMixed(seed: number): Promise<readonly SimulatedNode[]> {
  simulation = new Simulation(seed, mixedNetwork(`mixed ${seed}`))
  const nodes = [await simulation.start('simulated', { found: true, host: simulated })]
  for (const platform of realPlatforms) {
    nodes.push(await simulation.start(platform, { host: on(platform) }))
  }
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 5)))
  return nodes
}

test('machines of five platforms trust each other pair by pair, and come to one state', async () => {
  const nodes = await startMixed(930)
  const names = nodes.map(({ name }) => name)
  for (const { node } of nodes) {
    const members = node.members()
    expect(members.map(({ platform }) => platform).sort()).toEqual(names.toSorted())
    expect(new Set(members.map(({ instance }) => instance)).size).toBe(5)
    for (const other of nodes) {
      const seen = members.find(each => each.node === other.node.id)
      expect(seen).toMatchObject({ platform: other.name, phase: 'active', state: 'alive' })
    }
  }
  for (const { name, node } of nodes) {
    const write = node.state.set(`of ${name}`, utf8(name), { ack: 4 })
    expect((await simulation.settle(write)).acknowledgedBy).toBe(4)
  }
  const roots = () => new Set(nodes.map(({ node }) => node.status().state.root))
  await simulation.until(() => roots().size === 1)
  for (const { node } of nodes) {
    expect(node.state.list({ prefix: 'of ' }).map(({ key }) => key)).toEqual(
      names.toSorted().map(name => `of ${name}`),
    )
  }
})
