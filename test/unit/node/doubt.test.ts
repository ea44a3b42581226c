/** What whole nodes do about a member that they have reason to doubt, and about a manifest that drops members. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import { HostileMember } from '../../fakes/hostile-member.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const knows = ({ node }: SimulatedNode, other: string): boolean =>
  node.peers().some(peer => peer.node === other)

test('a frame that no member sends bans its sender and its machine, each time for twice as long', async () => {
  simulation = new Simulation(61)
  const hostile = await HostileMember.found(simulation)
  const victim = await simulation.start('victim')
  await simulation.until(() => isWhole(victim.node, 2))
  for (const [count, span] of [
    [1, minutes(1)],
    [2, minutes(2)],
  ] as const) {
    const began = simulation.time.clock.monotonic()
    await hostile.tell(victim, 'announce', Uint8Array.of(0xff))
    await simulation.until(() => victim.node.bans().length > 0)
    expect(victim.node.bans()).toMatchObject([
      { scope: 'identity', subject: hostile.id, count },
      { scope: 'instance', count },
    ])
    await simulation.until(() => !knows(victim, hostile.id))
    await simulation.until(() => knows(victim, hostile.id), minutes(5))
    expect(victim.node.bans()).toEqual([])
    expect(simulation.time.clock.monotonic() - began).toBeGreaterThanOrEqual(span)
  }
  await simulation.until(() => isWhole(victim.node, 2))
})

test('a member that was silent too long proves itself alive with a fresh quote, and stays', async () => {
  simulation = new Simulation(62)
  const [first, second] = await simulation.startNetwork(2)
  if (!first || !second) throw new Error('two nodes were started')
  await simulation.time.advance(seconds(10))
  simulation.network.stall(second.node.id, first.node.id)
  const stateOf = () => first.node.members().find(({ node }) => node === second.node.id)?.state
  await simulation.until(() => stateOf() === 'suspect')
  const isFresh = () => first.node.members().find(({ node }) => node === second.node.id)?.isFresh
  expect(isFresh()).toBe(false)
  simulation.network.heal()
  await simulation.until(() => isFresh() === true)
  await simulation.time.advance(minutes(2))
  expect(isWhole(first.node, 2)).toBe(true)
})

test('a member that stays silent is cut off, though its connection still looks open', async () => {
  simulation = new Simulation(63)
  const [first, second, third] = await simulation.startNetwork(3)
  if (!first || !second || !third) throw new Error('three nodes were started')
  await simulation.time.advance(seconds(10))
  for (const other of [first, third]) simulation.network.stall(second.node.id, other.node.id)
  await simulation.until(() => !knows(first, second.node.id) && !knows(third, second.node.id))
  await simulation.settle(first.node.state.set('goes', utf8('on')))
})
