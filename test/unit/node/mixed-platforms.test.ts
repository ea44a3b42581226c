/** Whole nodes on machines of every platform in one network: all but the vendors' signatures is what production runs. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { seconds } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import {
  cutOffFromAmd,
  endorsementsFor,
  FilledShelf,
  measurementOf,
  mixedNetwork,
  on,
  simulated,
} from '../../fixtures/mixed-network.ts'
import { realPlatforms } from '../../fixtures/mixed-platforms.ts'
import { nextManifest } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

/** A node on a simulated machine, and one on a machine of each real platform, all whole. */
async function startMixed(seed: number): Promise<readonly SimulatedNode[]> {
  simulation = new Simulation(seed, mixedNetwork(`mixed ${seed}`))
  const nodes = [await simulation.start('simulated', { found: true, host: simulated })]
  for (const platform of realPlatforms) {
    nodes.push(await simulation.start(platform, { host: on(platform) }))
  }
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 5)))
  return nodes
}

const knows = ({ node }: SimulatedNode, other: SimulatedNode): boolean =>
  node.members().some(member => member.node === other.node.id)

/** What `judge` itself said of `stranger`. */
const refusalsOf = (judge: SimulatedNode, stranger: SimulatedNode) =>
  judge.node.refusals().filter(({ by, node }) => by === 'me' && node === stranger.node.id)

test('machines of five platforms trust each other pair by pair, and come to one state', async () => {
  const nodes = await startMixed(930)
  const names = nodes.map(({ name }) => name)
  for (const { node } of nodes) {
    const members = node.members()
    expect(members.map(({ platform }) => platform).sort()).toEqual(names.toSorted())
    expect(new Set(members.map(({ instance }) => instance)).size).toBe(5)
    expect(node.refusals()).toEqual([])
    expect(node.status().warnings).toEqual([])
    for (const other of nodes) {
      const seen = members.find(each => each.node === other.node.id)
      expect(seen).toMatchObject({ platform: other.name, phase: 'active', state: 'alive' })
      expect(seen?.measurement).toBe(
        other === nodes[0] ? 'coterie-test' : `${other.name}-coterie-test`,
      )
      expect(Date.parse(seen?.verdictExpiresAt ?? '')).toBeGreaterThan(simulation.time.clock.wall())
    }
  }
  for (const { name, node } of nodes) {
    const write = node.state.set(`of ${name}`, utf8(name), { ack: 4 })
    expect((await simulation.settle(write)).acknowledgedBy).toBe(4)
  }
  const roots = () => new Set(nodes.map(({ node }) => node.status().state.root))
  await simulation.until(() => roots().size === 1)
  for (const { node } of nodes) {
    expect(node.state.list({ prefix: 'of ' }).map(({ key }) => key)).toEqual(
      names.toSorted().map(name => `of ${name}`),
    )
  }
})

/** Writes at one node after the other, each acknowledged by most machines within seconds, until `condition` holds. */
async function writeUntil(writers: readonly SimulatedNode[], condition: () => boolean) {
  for (let round = 0; round === 0 || !condition(); round++) {
    if (round > 40) throw new Error('not so after forty rounds of writes')
    for (const { name, node } of writers) {
      const write = node.state.increment(`writes of ${name}`, 1, { ack: 'majority' })
      await simulation.settle(write, seconds(5))
      await simulation.time.advance(seconds(0.2))
    }
  }
}

test('a release of one platform goes in, overlaps and goes out while all writes are acknowledged; who stayed behind is refused by its register', async () => {
  const first = await startMixed(931)
  const [founder, nitro, sgx, oldest, snp] = first as [
    ...[SimulatedNode, SimulatedNode, SimulatedNode, SimulatedNode, SimulatedNode],
  ]
  const behind = await simulation.start('behind', { host: on('tdx', { machine: 2 }) })
  await simulation.until(() => [...first, behind].every(({ node }) => isWhole(node, 6)))
  const staying = [founder, nitro, sgx, snp]

  const both = nextManifest(simulation.fixture, ({ join, ...manifest }) => ({
    ...manifest,
    join: { ...join, measurements: [...join.measurements, measurementOf('tdx', 'next-release')] },
  }))
  sgx.node.applyManifest(both.envelopeBytes)
  const isInForce = (nonce: number) => () =>
    staying.every(({ node }) => node.status().manifest.nonce === nonce)
  await writeUntil(staying, isInForce(1))

  const next = await simulation.start('next', {
    host: on('tdx', { machine: 3, image: 'next-release' }),
  })
  const all = [...first, behind, next]
  await writeUntil(staying, () => all.every(({ node }) => isWhole(node, 7)))
  const domains = founder.node.members().filter(({ platform }) => platform === 'tdx')
  expect(domains.map(({ measurement }) => measurement).sort()).toEqual([
    'tdx-coterie-test',
    'tdx-coterie-test',
    'tdx-next-release',
  ])
  const leaving = oldest.node.leave()
  await writeUntil(staying, () => !staying.some(node => knows(node, oldest)))
  await simulation.settle(leaving)

  const later = nextManifest(both, ({ join, ...manifest }) => ({
    ...manifest,
    join: {
      ...join,
      measurements: join.measurements.filter(({ name }) => name !== 'tdx-coterie-test'),
    },
  }))
  snp.node.applyManifest(later.envelopeBytes)
  const remaining = [...staying, next]
  await writeUntil(remaining, isInForce(2))
  await writeUntil(remaining, () => !remaining.some(node => knows(node, behind)))
  await writeUntil(remaining, () => refusalsOf(founder, behind).length > 0)
  expect(refusalsOf(founder, behind)[0]).toMatchObject({
    code: 'MEASUREMENT_MISMATCH',
    facts: { measurement: 'tdx-next-release', register: 'mrtd' },
  })
  const { warnings } = behind.node.status()
  expect(warnings.find(({ code }) => code === 'NOT_ADMITTED')?.text).toContain('register mrtd')
  expect(remaining.every(({ node }) => isWhole(node, 5))).toBe(true)
  const counts = ({ node }: SimulatedNode) => node.state.list({ prefix: 'writes of ' })
  await simulation.until(
    () => new Set(remaining.map(({ node }) => node.status().state.root)).size === 1,
  )
  for (const each of remaining) expect(counts(each)).toEqual(counts(founder))
  expect(counts(founder)).toHaveLength(5)
})

/** The register in which an image differs first. */
const firstRegister = { nitro: 'pcr0', sgx: 'mrenclave', tdx: 'mrtd', 'sev-snp': 'measurement' }

test.each(realPlatforms)(
  'a node on %s whose image the manifest exchanges is out and told the register that differs, and its machine is in with the next image',
  async platform => {
    simulation = new Simulation(933, mixedNetwork(`exchanged ${platform}`))
    const founder = await simulation.start('founder', { found: true, host: simulated })
    const old = await simulation.start('old', { host: on(platform) })
    await simulation.until(() => [founder, old].every(({ node }) => isWhole(node, 2)))
    const later = nextManifest(simulation.fixture, ({ join, ...manifest }) => ({
      ...manifest,
      join: {
        ...join,
        measurements: join.measurements.map(each =>
          each.platform === platform ? measurementOf(platform, 'next-release') : each,
        ),
      },
    }))
    founder.node.applyManifest(later.envelopeBytes)
    await simulation.until(() => !knows(founder, old))
    await simulation.until(() => refusalsOf(founder, old).length > 0)
    const register = firstRegister[platform]
    expect(refusalsOf(founder, old)[0]).toMatchObject({
      ...{ code: 'MEASUREMENT_MISMATCH', facts: { register } },
    })
    const told = () => old.node.refusals().filter(({ by }) => by === 'them')
    expect(told()[0]).toMatchObject({ code: 'MEASUREMENT_MISMATCH', facts: { register } })
    const next = await simulation.start('next', { host: on(platform, { image: 'next-release' }) })
    await simulation.until(() => [founder, next].every(({ node }) => isWhole(node, 2)))
  },
)

test.each(['sgx', 'tdx', 'sev-snp'] as const)(
  'a machine of %s is undetermined to all until the last document of its vendor has come, then it is a member',
  async platform => {
    const shelf = new FilledShelf()
    const waiting = (host: Host): Host => ({ ...host, endorsements: shelf })
    simulation = new Simulation(932, mixedNetwork(`late ${platform}`))
    const founder = await simulation.start('founder', { found: true, host: waiting })
    const nitro = await simulation.start('nitro', { host: host => waiting(on('nitro')(host)) })
    const late = await simulation.start('late', { host: host => waiting(on(platform)(host)) })
    const documents = Object.entries(endorsementsFor[platform])
    const seen = new Set<string>()
    for (const [name, document] of documents) {
      await simulation.time.advance(seconds(20))
      for (const { code, facts } of refusalsOf(founder, late)) {
        seen.add(code)
        expect(documents.some(([each]) => String(facts['missing']).includes(each))).toBe(true)
      }
      expect([founder, nitro].every(({ node }) => isWhole(node, 2))).toBe(true)
      expect([founder, nitro].some(node => knows(node, late))).toBe(false)
      expect(late.node.status().phase).not.toBe('active')
      shelf.put(name, document)
    }
    expect(seen).toEqual(new Set(['UNDETERMINED']))
    await simulation.until(() => [founder, nitro, late].every(({ node }) => isWhole(node, 3)))
    expect(late.node.status().warnings).toEqual([])
  },
)

test('a first meeting that ended for want of a document is tried again as soon as the last one has come', async () => {
  const shelf = new FilledShelf()
  simulation = new Simulation(934, mixedNetwork('as soon'), 'wan')
  const founder = await simulation.start('founder', { found: true, host: on('tdx') })
  const late = await simulation.start('late', {
    host: host => ({ ...host, endorsements: shelf }),
  })
  await simulation.until(() => refusalsOf(late, founder).length > 0, seconds(120))
  // By now a dial comes every half a minute or so.
  await simulation.time.advance(seconds(600))
  const dials = () => late.node.refusals().reduce((sum, { count }) => sum + count, 0)
  const before = dials()
  await simulation.until(() => dials() > before, seconds(60))
  for (const [name, document] of Object.entries(endorsementsFor.tdx)) shelf.put(name, document)
  await simulation.until(() => knows(late, founder), seconds(4))
})

test('a node whose host reaches no vendor gets the list from a member, and then takes in the machine that it judges by', async () => {
  const full = new FilledShelf()
  for (const [name, document] of Object.entries(endorsementsFor['sev-snp']))
    full.put(name, document)
  const having = (host: Host): Host => ({ ...host, endorsements: full })
  simulation = new Simulation(935, mixedNetwork('cut off'))
  const founder = await simulation.start('founder', { found: true, host: having })
  const cutOff = await simulation.start('cut off', { host: cutOffFromAmd })
  await simulation.until(() => [founder, cutOff].every(({ node }) => isWhole(node, 2)))
  const guest = await simulation.start('guest', { host: host => having(on('sev-snp')(host)) })
  await simulation.until(() => refusalsOf(cutOff, guest).length > 0)
  expect(refusalsOf(cutOff, guest)[0]?.code).toBe('UNDETERMINED')
  await simulation.until(() => [founder, cutOff, guest].every(({ node }) => isWhole(node, 3)))
})
