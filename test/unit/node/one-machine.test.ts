/** One machine with identities without end: a restart makes a new one for free, so the machine is what counts. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

/** Two honest machines in a network that lets one machine have two live identities and three new ones an hour. */
async function network(seed: number): Promise<readonly SimulatedNode[]> {
  const fixture = testNetwork({
    seed: `one machine ${seed}`,
    change: manifest => ({
      ...manifest,
      limits: { ...manifest.limits, liveIdentitiesPerInstance: 2, newIdentitiesPerHour: 3 },
    }),
  })
  simulation = new Simulation(seed, fixture)
  return simulation.startNetwork(2)
}

const codes = ({ node }: SimulatedNode): ReadonlySet<string> =>
  new Set(node.refusals().map(({ code }) => code))

test('a crowd of identities of one machine gets as many places as the manifest says, and keeps nobody else out', async () => {
  const honest = await network(71)
  const mob = await Promise.all(Array.from({ length: 6 }, () => simulation.prepare('mob')))
  for (const { node } of mob) await node.start()
  await simulation.until(() => honest.some(one => codes(one).has('INSTANCE_LIVE_LIMIT')))
  await simulation.time.advance(seconds(10))
  const ofMob = ({ node }: { readonly node: string }) => mob.some(each => each.node.id === node)
  for (const { node } of honest) {
    expect(node.members().filter(ofMob).length).toBeLessThanOrEqual(2)
    expect(node.peers().filter(ofMob).length).toBeLessThanOrEqual(2)
  }
  const late = await simulation.start('late')
  await simulation.until(() => late.node.status().phase === 'active')
  await simulation.settle(late.node.state.set('still', utf8('works')))
})

test('a machine that makes one identity after the other is let in so often in an hour, and no more', async () => {
  const honest = await network(72)
  let joined = 0
  for (let i = 0; i < 9; i++) {
    const one = await simulation.start('restless')
    await simulation.time.advance(seconds(20))
    if (one.node.peers().length > 0) joined++
    await one.crash()
    await simulation.time.advance(minutes(1))
  }
  // Three an hour, and two that may have been there before anybody looked.
  expect(joined).toBeGreaterThan(0)
  expect(joined).toBeLessThanOrEqual(5)
  expect(honest.some(one => codes(one).has('INSTANCE_NEW_LIMIT'))).toBe(true)
  expect(honest.every(({ node }) => isWhole(node, 2))).toBe(true)
})
