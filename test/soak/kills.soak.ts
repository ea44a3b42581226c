/**
 * SIGKILL of random nodes under write load. A write that was acknowledged by k other members is held by k + 1
 * nodes, so k nodes die at once at most, and the next die only after those are whole again: somebody who holds
 * everything always survives. `KILLS=100 npm run test:kills` kills more.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeSlot } from '../../testnet/network.ts'
import type { Draws } from '../../testnet/seed.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { Writers } from './writers.ts'

const kills = asked('KILLS', 10)

test(`${kills} kills under load lose no acknowledged write, and who comes back is whole`, async task => {
  const network = await LiveNetwork.start({ nodes: 5 })
  onTestFinished(() => network.stop(task.task.result?.state === 'fail'))
  const draws = network.draws('kills')
  const all = { acknowledged: new Set<string>() }
  const unknown = new Set<string>()
  let killed = 0
  for (let round = 0; killed < kills; round++) {
    const victims = draw(draws, network.nodes(), draws.unit() < 0.3 ? 2 : 1)
    const prefix = `kills/${round}/`
    const writers = new Writers(network.nodes(), { prefix, ack: victims.length, pause: 5 })
    await wait(draws.below(600))
    killed += await crash(network, victims, draws)
    const began = performance.now()
    await network.complete().catch(error => {
      throw new Error(`round ${round}, ${victims.map(({ name }) => name)}: ${error}`)
    })
    await writers.stop()
    await network.whole(writers, prefix)
    const healed = ((performance.now() - began) / 1000).toFixed(1)
    for (const key of writers.acknowledged) all.acknowledged.add(key)
    for (const key of writers.unknown) unknown.add(key)
    say(
      `${killed} killed; ${victims.map(({ name }) => name).join(' and ')} whole ${healed} s after the start; ${writers.acknowledged.size} acknowledged, ${writers.unknown.size} unknown (${[...writers.codes].join(' ')})`,
    )
    expect(writers.acknowledged.size).toBeGreaterThan(0)
  }
  await network.whole(all, 'kills/')
  const nodes = await network.converged()
  expect(new Set(nodes.map(node => node.status?.state.root)).size).toBe(1)
  say(`${all.acknowledged.size} acknowledged writes, none lost; ${unknown.size} unknown, none torn`)
})

/** Kills at once, starts again after a while, and kills some of them again while they join. */
async function crash(
  { testnet }: LiveNetwork,
  victims: readonly NodeSlot[],
  draws: Draws,
): Promise<number> {
  let killed = victims.length
  await Promise.all(victims.map(victim => testnet.killNode(victim)))
  await wait(draws.below(1_500))
  await Promise.all(victims.map(victim => testnet.startNode(victim)))
  for (const victim of victims) {
    if (draws.unit() >= 0.2) continue
    await wait(draws.below(1_500))
    await testnet.killNode(victim)
    await testnet.startNode(victim)
    killed++
  }
  return killed
}

function draw(draws: Draws, slots: readonly NodeSlot[], count: number): NodeSlot[] {
  const left = [...slots]
  return Array.from({ length: count }, () => left.splice(draws.below(left.length), 1)).flat()
}
