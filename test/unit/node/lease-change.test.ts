/** The policy lease of whole nodes: what the metrics say of it, and a manifest that changes how long it lasts. */
import { afterEach, expect, test, vi } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { nextManifest, testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
vi.setConfig({ testTimeout: 60_000 })

const lasting = (leaseMs: number) => (manifest: Manifest) => ({
  ...manifest,
  liveness: { ...manifest.liveness, leaseMs },
})
const leaseOf = (node: CoterieNode): string => node.status().lease.state

function metric(node: CoterieNode, name: string, heard?: string): number | undefined {
  const family = node.metrics().find(each => each.name === name)
  return family?.samples.find(({ labels }) => labels['heard'] === heard)?.value
}

/** Three nodes on three machines; the last is cut off after `before` ran. */
async function cutOff(
  leaseMs: number,
  before: (nodes: readonly CoterieNode[]) => Promise<void> = async () => {},
) {
  simulation = new Simulation(81, testNetwork({ seed: 'lease', change: lasting(leaseMs) }))
  const nodes = (await simulation.startNetwork(3)).map(({ node }) => node)
  await simulation.until(() => nodes.every(node => node.status().lease.citing === 3))
  await before(nodes)
  const [first, second, alone] = nodes as [CoterieNode, CoterieNode, CoterieNode]
  simulation.network.partition([first.id, second.id], [alone.id])
  return { nodes, first, alone }
}

test('the metrics name who is isolated and how many machines hear it, and follow the loss of the lease and its return', async () => {
  const { first, alone } = await cutOff(60_000)
  const isolated = (node: CoterieNode): number | undefined =>
    metric(node, 'coterie_liveness_isolated')
  const heard = (node: CoterieNode, by: string): number | undefined =>
    metric(node, 'coterie_liveness_lease_instances', by)
  expect([isolated(alone), heard(alone, 'all'), heard(alone, 'lately')]).toEqual([0, 3, 3])
  expect(metric(alone, 'coterie_liveness_lease_seconds')).toBeGreaterThan(50)
  await simulation.time.advance(seconds(65))
  expect([isolated(alone), heard(alone, 'lately')]).toEqual([1, 1])
  expect(metric(alone, 'coterie_liveness_lease_seconds')).toBe(0)
  expect([isolated(first), heard(first, 'lately')]).toEqual([0, 2])
  simulation.network.heal()
  await simulation.until(() => isolated(alone) === 0, minutes(2))
})

test('a lease that a manifest makes shorter at run time ends so much sooner, also one that runs already', async () => {
  const isCutFor = async (change: boolean): Promise<string> => {
    const { alone } = await cutOff(600_000, async nodes => {
      if (!change) return
      const next = nextManifest(simulation.fixture, lasting(60_000))
      nodes[0]?.applyManifest(next.envelopeBytes)
      await simulation.until(
        () => nodes.every(node => node.status().manifest.hash === next.mark.hash),
        seconds(10),
      )
    })
    await simulation.time.advance(seconds(50))
    expect(leaseOf(alone)).toBe('held')
    await simulation.time.advance(seconds(20))
    return leaseOf(alone)
  }
  expect(await isCutFor(false)).toBe('held')
  await simulation.stop()
  expect(await isCutFor(true)).toBe('isolated')
})
