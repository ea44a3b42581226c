/** The first and the last moment of a measurement pass under running nodes, whose clocks do not quite agree. */
import { afterEach, expect, test } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { minutes, seconds, timestamp } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import { registersOf } from '../../../src/host/tee/machine.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { virtualEpoch } from '../../fakes/virtual-time.ts'
import { testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const other = registersOf('other release')
const isoAt = (milliseconds: number): string =>
  `${new Date(virtualEpoch + milliseconds).toISOString().slice(0, 19)}Z`

/** The usual software for ever, and another release for a while. */
function twoReleases(window: { from: number; until: number }) {
  const { measurement, signer } = other
  return testNetwork({
    seed: `window ${window.from}`,
    change: manifest => {
      const [usual] = manifest.join.measurements
      const windowed = {
        ...{ ...usual, name: 'other-release', registers: { measurement, signer } },
        ...{ validFrom: isoAt(window.from), validUntil: isoAt(window.until) },
      } as Manifest['join']['measurements'][number]
      const measurements = [...manifest.join.measurements, windowed]
      return { ...manifest, join: { ...manifest.join, measurements } }
    },
  })
}

/** A host whose wall clock is off by so many milliseconds. */
const skewed =
  (skew: number) =>
  (host: Host): Host => ({
    ...host,
    clock: { ...host.clock, wall: () => timestamp(host.clock.wall() + skew) },
  })

const knows = (node: CoterieNode, id: string): boolean =>
  node.members().some(member => member.node === id)

test('when the last moment of a measurement passes its nodes are out within seconds, and so are the keys they hold', async () => {
  const until = seconds(30)
  simulation = new Simulation(120, twoReleases({ from: -minutes(60), until }))
  const [first, second, third, old] = [
    await simulation.start('node-0', { found: true }),
    await simulation.start('node-1', { host: skewed(-1_000) }),
    await simulation.start('node-2', { host: skewed(700) }),
    await simulation.start('old', { machine: { registers: other } }),
  ].map(({ node }) => node) as [CoterieNode, CoterieNode, CoterieNode, CoterieNode]
  const staying = [first, second, third]
  await simulation.until(() => [...staying, old].every(node => node.status().members.active === 4))
  const digests = () => new Set(staying.map(node => node.status().removals.digest))
  expect(digests().size).toBe(1)
  const [before] = digests()
  await simulation.time.advance(until - simulation.time.now - seconds(2))
  expect(digests(), 'nothing ends before its time').toEqual(new Set([before]))
  expect(staying.every(node => knows(node, old.id))).toBe(true)

  await simulation.time.advance(seconds(7))
  expect(staying.some(node => knows(node, old.id))).toBe(false)
  expect(digests().size, 'a second between the clocks heals by itself').toBe(1)
  expect(digests()).not.toContain(before)
  const written = await simulation.settle(first.state.set('after', utf8('secret'), { ack: 2 }))
  expect(written.acknowledgedBy).toBe(2)
  expect(old.state.get('after')).toBeUndefined()
  expect(old.status().warnings.map(({ code }) => code)).toContain('NOT_ADMITTED')
  // Who comes later derives the same from the manifest and the time alone.
  const late = await simulation.start('late')
  await simulation.until(() => late.node.status().phase === 'active')
  expect(late.node.status().removals.digest).toBe(first.status().removals.digest)
})

test('a node of the next release waits outside until the first moment of its measurement, then it is in', async () => {
  const from = seconds(30)
  simulation = new Simulation(121, twoReleases({ from, until: minutes(600) }))
  const nodes = await simulation.startNetwork(2)
  const early = await simulation.start('early', { machine: { registers: other } })
  await simulation.time.advance(from - simulation.time.now - seconds(1))
  expect(nodes.some(({ node }) => knows(node, early.node.id))).toBe(false)
  await simulation.until(() => early.node.status().phase === 'active', minutes(2))
  expect(simulation.time.now).toBeGreaterThanOrEqual(from)
})
