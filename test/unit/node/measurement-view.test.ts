/** How far an upgrade has rolled, as operators and metrics see it. */
import { afterEach, expect, test } from 'vitest'
import { registersOf } from '../../../src/host/tee/machine.ts'
import type { MemberState } from '../../../src/node/handle.ts'
import { measurementViews } from '../../../src/node/measurement-view.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { nextManifest } from '../../fixtures/network.ts'

let simulation: Simulation | undefined
afterEach(async () => {
  await simulation?.stop()
  simulation = undefined
})

const member = (measurement: string, state: MemberState = 'alive') => ({ measurement, state })
const until = '2030-01-01T00:00:00Z'

test('each software has its share of the members; the dead have none, the idle are shown with zero', () => {
  const named = ['old', 'new', 'next'].map(name => ({ name, validUntil: until }))
  const members = [member('old'), member('old', 'suspect'), member('old', 'dead'), member('new')]
  expect(measurementViews(named, [...members, member('stray')])).toEqual([
    { name: 'old', validUntil: until, members: 2, share: 0.5 },
    { name: 'new', validUntil: until, members: 1, share: 0.25 },
    { name: 'next', validUntil: until, members: 0, share: 0 },
    { name: 'stray', validUntil: null, members: 1, share: 0.25 },
  ])
  expect(measurementViews([], [])).toEqual([])
})

test('a node of new software that boots with the old manifest counts as itself once the next admits it', async () => {
  simulation = new Simulation(601)
  const [first] = await simulation.startNetwork(2)
  if (first === undefined) throw new Error('two nodes were started')
  const { measurement, rtmrs, signer } = registersOf('upgraded')
  const [rtmr0 = '', rtmr1 = '', rtmr2 = '', rtmr3 = ''] = rtmrs
  const registers = { measurement, rtmr0, rtmr1, rtmr2, rtmr3, signer }
  const both = nextManifest(simulation.fixture, manifest => {
    const [old] = manifest.join.measurements
    if (old === undefined) throw new Error('the fixture names its software')
    const measurements = [old, { ...old, name: 'upgraded', registers }]
    return { ...manifest, join: { ...manifest.join, measurements } }
  })
  first.node.applyManifest(both.envelopeBytes)
  const upgraded = await simulation.start('late', {
    machine: { registers: registersOf('upgraded') },
  })
  const rows = () => upgraded.node.status().measurements.map(({ name, members }) => [name, members])
  expect(rows()).toContainEqual(['not-admitted', 1])
  const own = () => upgraded.node.members().find(({ self }) => self)
  const seen = () => first.node.members().find(({ node }) => node === upgraded.node.id)
  const machineAtBoot = own()?.instance
  await simulation.until(() => upgraded.node.status().phase === 'active')
  await simulation.until(() => seen() !== undefined)
  expect(rows().map(([name]) => name)).not.toContain('not-admitted')
  expect(own()).toMatchObject({ measurement: 'upgraded', instance: seen()?.instance })
  // What counts machines was told this one at boot, before any manifest admitted the node.
  expect(machineAtBoot).toBe(seen()?.instance)
  await simulation.until(() =>
    first.node.status().measurements.some(row => row.share > 0.3 && row.name === 'upgraded'),
  )
})
