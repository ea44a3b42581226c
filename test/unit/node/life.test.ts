/** Starting and stopping: whatever is under way ends, with an answer that is true. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { milliseconds, seconds } from '../../../src/base/time.ts'
import type { Net } from '../../../src/host/net/port.ts'
import type { Host } from '../../../src/host/port.ts'
import { type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

async function two(seed: number): Promise<readonly [SimulatedNode, SimulatedNode]> {
  simulation = new Simulation(seed)
  const [first, second] = await simulation.startNetwork(2)
  if (first === undefined || second === undefined) throw new Error('two nodes were started')
  return [first, second]
}

test('a write while the node stops is refused, not left without an answer', async () => {
  const [, { node }] = await two(11)
  const stopped = node.stop()
  const write = simulation.settle(node.state.set('late', utf8('value')), seconds(30))
  await expect(write).rejects.toMatchObject({ code: 'STOPPING' })
  await simulation.settle(stopped)
})

test('a stop says of a write that was applied that its spread is unknown, and of one that was not that it was not', async () => {
  const [first, second] = await two(12)
  const { node } = second
  simulation.network.stall(first.node.id, node.id)
  const applied = node.state.set('applied', utf8('value'))
  applied.catch(() => {})
  await simulation.time.advance(milliseconds(100))
  expect(node.state.get('applied')).toBeDefined()
  const asked = node.state.set('asked', utf8('value'))
  const stopped = node.stop()
  await expect(applied).rejects.toMatchObject({ code: 'ACK_TIMEOUT' })
  await expect(asked).rejects.toMatchObject({ code: 'STOPPING' })
  await simulation.settle(stopped)
})

test('a watch ends when the node stops', async () => {
  const [, { node }] = await two(13)
  const watching = (async () => {
    for await (const _ of node.state.watch({})) void _
  })()
  await simulation.settle(node.stop())
  await simulation.settle(watching)
})

test.each(['never started', 'started'] as const)(
  'a node that %s releases its host when it has stopped, and not before',
  async begun => {
    simulation = new Simulation(14)
    let releases = 0
    const host = (given: Host): Host => ({ ...given, release: () => void releases++ })
    const { node } = await simulation.prepare('node-0', { found: true, host })
    if (begun === 'started') await node.start()
    const stopped = node.stop()
    expect(releases).toBe(0)
    await simulation.settle(stopped)
    await node.stop()
    expect(releases).toBe(1)
  },
)

/** A host whose net opens, or starts, only when it is let. */
function slowHost(slow: 'open' | 'start', let_: Promise<void>): (host: Host) => Host {
  return host => ({
    ...host,
    openNet: async options => {
      if (slow === 'open') await let_
      const net = await host.openNet(options)
      if (slow === 'open') return net
      const start = net.start.bind(net)
      return Object.assign(net, {
        start: async (signal: AbortSignal) => {
          await start(signal)
          await let_
        },
      } satisfies Partial<Net>)
    },
  })
}

test.each(['open', 'start'] as const)(
  'a stop while the net is about to %s leaves nothing running',
  async slow => {
    simulation = new Simulation(14)
    const gate = Promise.withResolvers<void>()
    const { node } = await simulation.prepare('node', {
      found: true,
      host: slowHost(slow, gate.promise),
    })
    const started = node.start()
    const failed = expect(started).rejects.toMatchObject({ code: 'STOPPING' })
    await simulation.time.advance(milliseconds(10))
    const stopped = node.stop()
    await simulation.time.advance(milliseconds(10))
    gate.resolve()
    await failed
    await simulation.settle(stopped)
    await simulation.time.advance(seconds(20))
    expect(simulation.time.pending).toBe(0)
    expect(simulation.network.nets.size).toBe(0)
  },
)
