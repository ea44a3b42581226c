/** One machine whose clocks lie, among honest ones: nobody else's state, root or verdict follows it. */
import { afterEach, expect, test } from 'vitest'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { instant, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const year = 365 * 86_400_000

/** A machine whose wall clock is off by `wall` and whose monotonic clock runs on by `jump` once told to. */
function liesBy(lie: { wall: number; jump: number }): {
  host: (host: Host) => Host
  jump: () => void
} {
  let ahead = 0
  return {
    host: host => ({
      ...host,
      clock: {
        wall: () => timestamp(Math.max(0, host.clock.wall() + lie.wall)),
        monotonic: () => instant(host.clock.monotonic() + ahead),
      },
    }),
    jump: () => {
      ahead = lie.jump
    },
  }
}

const textAt = ({ node }: SimulatedNode, key: string): string | undefined => {
  const entry = node.state.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

const lies = [
  { name: 'ten years ahead', wall: 10 * year, jump: 0 },
  { name: 'a day back', wall: -86_400_000, jump: 0 },
  { name: 'jumping an hour on', wall: 0, jump: 3_600_000 },
]

for (const lie of lies) {
  test(`a clock ${lie.name} on one machine changes nothing for the others`, async () => {
    simulation = new Simulation(31)
    const honest = [await simulation.start('honest-0', { found: true })]
    for (const name of ['honest-1', 'honest-2']) honest.push(await simulation.start(name))
    await simulation.until(() => honest.every(({ node }) => isWhole(node, 3)))
    const liar = liesBy(lie)
    const lying = await simulation.start('liar', { host: liar.host })
    await simulation.time.advance(seconds(15))
    liar.jump()
    const early = lying.node.state.set('contested', utf8('liar'), { ack: 'local' })
    early.catch(() => undefined)
    await simulation.time.advance(seconds(5))
    const [first] = honest
    if (first === undefined) throw new Error('three were started')
    await simulation.settle(first.node.state.set('contested', utf8('honest')))
    const joiner = await simulation.start('joiner')
    const all = [...honest, joiner]
    await simulation.until(() => joiner.node.status().phase === 'active', minutes(2))
    await simulation.until(
      () => all.every(one => textAt(one, 'contested') === 'honest'),
      minutes(2),
    )
    const believes = ({ node }: SimulatedNode, other: SimulatedNode): boolean =>
      node.members().some(member => member.node === other.node.id)
    await simulation.until(
      () => all.every(one => all.every(other => believes(one, other))),
      minutes(2),
    )
    const roots = (): number => new Set(all.map(({ node }) => node.status().state.root)).size
    await simulation.until(() => roots() === 1, minutes(5))
    expect(all.map(({ node }) => node.status().phase)).toEqual(all.map(() => 'active'))
  })
}
