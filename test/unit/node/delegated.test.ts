/** Whole nodes under a manifest with delegation: two that everybody reaches, and two that reach these alone. */
import { afterEach, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

/** Not started yet, the signers first: those are asked whose ids are the smallest. */
async function prepared(): Promise<readonly SimulatedNode[]> {
  for (let seed = 0; ; seed++) {
    const fixture = testNetwork({
      seed: `delegated ${seed}`,
      change: manifest => ({ ...manifest, join: { ...manifest.join, delegation: { k: 2 } } }),
    })
    simulation = new Simulation(seed, fixture)
    const nodes = [await simulation.prepare('signer 1', { found: true })]
    for (const name of ['signer 2', 'a', 'b']) nodes.push(await simulation.prepare(name))
    const ids = nodes.map(({ node }) => node.id)
    if (ids.slice(0, 2).every(signer => ids.slice(2).every(other => signer < other))) return nodes
    await simulation.stop()
  }
}

const gauge = ({ node }: SimulatedNode): number | undefined =>
  node.metrics().find(({ name }) => name === 'coterie_membership_vouched_members')?.samples[0]
    ?.value

test('nodes that cannot reach each other are members on the word of two that looked, say so, and share state', async () => {
  const nodes = await prepared()
  const [first, second, a, b] = nodes as [
    SimulatedNode,
    SimulatedNode,
    SimulatedNode,
    SimulatedNode,
  ]
  simulation.network.partition([a.node.id], [b.node.id])
  for (const { node } of nodes) await node.start()
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 4)))
  const seen = (): ReturnType<typeof a.node.members>[number] | undefined =>
    a.node.members().find(({ node }) => node === b.node.id)
  const signers = [first.node.id, second.node.id].toSorted()
  // One of the two may have looked itself, when results were not there yet or in its re-run: not both at once.
  await simulation.until(() => (seen()?.vouchedBy.length ?? 0) > 0 || gauge(b) === 1)
  const [by, other] = (seen()?.vouchedBy.length ?? 0) > 0 ? [a, b] : [b, a]
  const member = by.node.members().find(({ node }) => node === other.node.id)
  expect(member?.vouchedBy.toSorted()).toEqual(signers)
  expect(member).toMatchObject({ connected: false, phase: 'active', state: 'alive' })
  expect(member?.instance).toBe(other.node.members().find(({ self }) => self)?.instance)
  expect(gauge(by)).toBe(1)
  expect(gauge(first)).toBe(0)
  await simulation.settle(a.node.state.set('from a', utf8('hello'), { ack: 'local' }))
  const read = (): string | undefined => {
    const entry = b.node.state.get('from a')
    return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
  }
  await simulation.until(() => read() === 'hello')
})
