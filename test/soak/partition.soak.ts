/** A cut with load on both sides. `SECONDS=60 npm run test:partition` keeps it for a minute. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { NodeSlot } from '../../testnet/network.ts'
import { asked, LiveNetwork, say } from './live-network.ts'
import { keysUnder, Writers } from './writers.ts'

const seconds = asked('SECONDS', 15)
/** Writes of a side that went on while it was cut off. */
const writesMin = 10

test.each(['silent', 'reset'] as const)(
  `${seconds} s of a %s cut with writers on both sides heal to one root`,
  async how => {
    const network = await LiveNetwork.start({ nodes: 5 })
    onTestFinished(task => network.stop(task.task.result?.state === 'fail'))
    const [left, right] = [network.nodes().slice(0, 2), network.nodes().slice(2)]
    const { did } = await network.faults.apply({
      kind: 'partition',
      left: left.map(({ name }) => name),
      right: [],
      how,
    })
    say(did)
    const writers = new Writers(network.nodes(), { prefix: 'cut/', ack: 1, pause: 5 })
    await wait(seconds * 1000)
    // Else nobody wrote, and the rest would prove nothing. A busy machine is given more time, not fewer writes.
    const [of, beyond] = await Promise.all([written(left), written(right)])
    const codes = [...writers.codes].join(' ') || 'no refusal'
    const slowest = Math.max(...writers.latencies).toFixed(0)
    say(
      `${of.size} and ${beyond.size} writes apart, ${codes}, slowest acknowledged in ${slowest} ms`,
    )
    // Else nothing was cut.
    expect(isOfOnly(left, of), 'the left side holds writes of the right one').toBe(true)
    expect(isOfOnly(right, beyond), 'the right side holds writes of the left one').toBe(true)
    const healed = performance.now()
    await network.faults.apply({ kind: 'heal' })
    await writers.stop()
    await network.whole(writers, 'cut/')
    const held = ((performance.now() - healed) / 1000).toFixed(1)
    const nodes = await network.converged()
    const agreed = ((performance.now() - healed) / 1000).toFixed(1)
    expect(new Set(nodes.map(node => node.status?.state.root)).size).toBe(1)
    say(
      `${of.size} and ${beyond.size} writes apart; after the heal all held everything in ${held} s and showed one root in ${agreed} s; ${writers.acknowledged.size} acknowledged, ${[...writers.codes].join(' ') || 'no refusal'}`,
    )
  },
)

/** What a side of the cut holds, once it holds enough. @throws after two minutes of a side that does not write. */
async function written(side: readonly NodeSlot[]): Promise<Set<string>> {
  const patience = AbortSignal.timeout(120_000)
  for (;;) {
    const keys = await keysUnder(side[0]!, 'cut/')
    if (keys.size > writesMin) return keys
    if (patience.aborted) throw new Error(`${keys.size} writes on the side of ${side[0]?.name}`)
    await wait(100)
  }
}

function isOfOnly(side: readonly NodeSlot[], keys: ReadonlySet<string>): boolean {
  return [...keys].every(key => side.some(({ name }) => key.startsWith(`cut/${name}/`)))
}
