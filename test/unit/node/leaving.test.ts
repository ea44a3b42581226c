/** Leaving in order, and leaves that nobody signed. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { type NodeId, nodeIdOfKey } from '../../../src/base/ids.ts'
import { seconds } from '../../../src/base/time.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { leaveCodec, leaveMessage } from '../../../src/wire/leave.ts'
import { HostileMember } from '../../fakes/hostile-member.ts'
import { isWhole, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation

afterEach(() => simulation.stop())

const knows = (node: CoterieNode, other: NodeId): boolean =>
  node.members().some(member => member.node === other)

test('a member that leaves is dropped by all at once, without suspicion, and what it wrote stays', async () => {
  simulation = new Simulation(401)
  const nodes = await simulation.startNetwork(4)
  const [leaver, ...others] = nodes.toReversed()
  if (leaver === undefined) throw new Error('four nodes')
  const { id } = leaver.node
  for (let i = 0; i < 50; i++) {
    void leaver.node.state.set(`last/${i}`, utf8('word'), { ack: 'local' })
  }
  const leftAt = simulation.time.now
  await simulation.settle(leaver.node.leave())
  expect(simulation.time.now - leftAt).toBeLessThanOrEqual(seconds(10))
  await simulation.until(() => others.every(({ node }) => !knows(node, id)), seconds(1))
  for (const { node } of others) {
    expect(node.state.list({ prefix: 'last/' })).toHaveLength(50)
    expect(node.status().lease.instances, 'it counts for no lease any more').toBe(3)
  }
  // Nothing brings it back: no record of it, no beat that was on its way.
  await simulation.time.advance(seconds(30))
  for (const { node } of others) expect(knows(node, id)).toBe(false)
})

test('the last of two that stays holds the lease once the other has left', async () => {
  simulation = new Simulation(402)
  const [first, second] = await simulation.startNetwork(2)
  if (first === undefined || second === undefined) throw new Error('two nodes')
  await simulation.settle(second.node.leave())
  await simulation.time.advance(seconds(1))
  expect(first.node.status().lease).toMatchObject({ state: 'held', instances: 1 })
})

test('a leave that its subject did not sign costs its sender the connection and nobody else anything', async () => {
  simulation = new Simulation(403)
  const hostile = await HostileMember.found(simulation)
  const victim = await simulation.start('victim')
  const target = await simulation.start('target')
  await simulation.until(() => [victim, target].every(({ node }) => isWhole(node, 3)))
  const { network } = simulation.fixture
  const identity = target.net().admission.self().keys.identity
  const message = leaveMessage(network, nodeIdOfKey(identity))
  const forged = leaveCodec.encode({ identity, signature: hostile.signing.sign(message) })
  const refusal = await hostile.ask(victim, 'leave', forged)
  // The connection may close before the answer is read.
  expect(['LEAVE_BAD_SIGNATURE', 'ASK_FAILED']).toContain(refusal)
  expect(knows(victim.node, target.node.id)).toBe(true)
  expect(victim.node.members().find(({ node }) => node === target.node.id)?.state).toBe('alive')
})

test('leaves of made-up identities change nothing', async () => {
  simulation = new Simulation(404)
  const hostile = await HostileMember.found(simulation)
  const victim = await simulation.start('victim')
  const stranger = await simulation.start('stranger')
  await simulation.until(() => [victim, stranger].every(({ node }) => isWhole(node, 3)))
  const { network } = simulation.fixture
  const own = leaveMessage(network, victim.node.id)
  const made = leaveCodec.encode({
    identity: new Uint8Array(32).fill(9),
    signature: hostile.signing.sign(own),
  })
  expect(await hostile.ask(victim, 'leave', made)).toEqual(new Uint8Array(0))
  expect(isWhole(victim.node, 3)).toBe(true)
})

test('a leave that nobody takes, from a net that does not close, ends within ten seconds in all', async () => {
  simulation = new Simulation(405)
  const first = await simulation.start('node-0', { found: true })
  const { node } = await simulation.start('node-1', {
    host: host => ({
      ...host,
      openNet: async options =>
        Object.assign(await host.openNet(options), { stop: () => new Promise<void>(() => {}) }),
    }),
  })
  await simulation.until(() => isWhole(node, 2))
  // Whatever it says gets nowhere and is never refused: the drain, the farewell and the stop each wait in full.
  simulation.network.stall(first.node.id, node.id)
  void node.state.set('late', utf8('word'), { ack: 'local' })
  const leftAt = simulation.time.now
  let hasEnded = false
  void node.ended.then(() => {
    hasEnded = true
  })
  const left = await simulation.settle(node.leave())
  expect(left).toEqual({ drained: false })
  expect(simulation.time.now - leftAt).toBeLessThan(seconds(10))
  expect(simulation.time.now - leftAt, 'all three waited').toBeGreaterThan(seconds(6))
  expect(hasEnded).toBe(true)
  expect(await node.leave(), 'a second leave is the first').toBe(left)
})
