/** Whole nodes whose manifest shows `public/`, with something of every kind below it: for tests of proofs. */
import { utf8 } from '../../src/base/bytes.ts'
import { seconds } from '../../src/base/time.ts'
import type { CoterieNode } from '../../src/node/handle.ts'
import { testNetwork } from '../fixtures/network.ts'
import { Simulation } from './simulation.ts'

export interface ProvenNetwork {
  readonly simulation: Simulation
  readonly nodes: readonly [CoterieNode, CoterieNode]
}

/** Two nodes at rest; whoever asked for it stops `simulation`. Nobody may write below `clients/`. */
export async function provenNetwork(seed: number): Promise<ProvenNetwork> {
  const fixture = testNetwork({
    seed: `proofs ${seed}`,
    draft: { publicPrefixes: ['public/'] },
    change: manifest => ({
      ...manifest,
      write: [
        { prefix: 'clients/', roles: ['client'], valueBytesMax: 1_024, schema: 'bytes' },
        ...manifest.write,
      ].sort((left, right) => (left.prefix < right.prefix ? -1 : 1)) as typeof manifest.write,
    }),
  })
  const simulation = new Simulation(seed, fixture)
  const [first, second] = await simulation.startNetwork(2)
  if (first === undefined || second === undefined) throw new Error('two nodes were started')
  const { state } = first.node
  await simulation.settle(
    Promise.all([
      state.set('public/motd', utf8('hello')),
      state.set('public/gone', utf8('late')),
      state.add('public/names', utf8('ada')),
      state.add('public/names', utf8('grace')),
      state.increment('public/hits', 5),
      state.set('hidden', utf8('canary')),
    ]),
  )
  await simulation.settle(state.delete('public/gone'))
  // Beats told of before the last write do not count.
  await simulation.time.advance(seconds(3))
  const rootOf = (node: CoterieNode): string => node.status().state.root
  await simulation.until(() => rootOf(first.node) === rootOf(second.node))
  return { simulation, nodes: [first.node, second.node] }
}
