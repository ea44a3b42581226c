/** The manifest changes under running nodes: whole nodes in virtual time, and what a hostile host would try. */
import { afterEach, expect, test } from 'vitest'
import { canonicalJson } from '../../../src/attestation/canonical-json.ts'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { utf8 } from '../../../src/base/bytes.ts'
import { minutes, seconds } from '../../../src/base/time.ts'
import { registersOf } from '../../../src/host/tee/machine.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { nextManifest, rotatedManifest, testNetwork } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const inForce = (node: CoterieNode) => node.status().manifest
const nodesOf = (simulated: readonly SimulatedNode[]) => simulated.map(({ node }) => node)
const withLimit = (live: number) => (manifest: Manifest) => ({
  ...manifest,
  limits: { ...manifest.limits, liveIdentitiesPerInstance: live },
})

test('a manifest given to one node is in force at all of them within seconds, and they stay one network', async () => {
  simulation = new Simulation(101)
  const nodes = nodesOf(await simulation.startNetwork(5))
  const next = nextManifest(simulation.fixture, withLimit(500))
  expect(nodes[3]?.applyManifest(next.envelopeBytes)).toMatchObject({ changed: true, nonce: 1 })
  await simulation.until(
    () => nodes.every(node => inForce(node).hash === next.mark.hash),
    seconds(5),
  )
  await simulation.until(() => nodes.every(node => node.status().keys.traffic > 0))
  const write = nodes[1]?.state.set('after', utf8('the change'), { ack: 4 })
  expect((await simulation.settle(write as NonNullable<typeof write>)).acknowledgedBy).toBe(4)
  expect(nodes[3]?.applyManifest(next.envelopeBytes)).toMatchObject({ changed: false, nonce: 1 })
})

test('a node that boots with an old manifest takes the one in force before it believes anybody', async () => {
  simulation = new Simulation(102)
  const nodes = nodesOf(await simulation.startNetwork(3))
  const next = nextManifest(simulation.fixture, withLimit(500))
  nodes[0]?.applyManifest(next.envelopeBytes)
  const late = await simulation.start('late')
  expect(inForce(late.node).nonce).toBe(0)
  await simulation.until(() => late.node.status().phase === 'active')
  expect(inForce(late.node).hash).toBe(next.mark.hash)
})

test('a node that missed every change of the manifest set follows them all, one by one', async () => {
  simulation = new Simulation(103)
  const nodes = nodesOf(await simulation.startNetwork(3))
  let network = simulation.fixture
  for (const name of ['second', 'third', 'fourth']) {
    const rotated = rotatedManifest(network, name)
    network = nextManifest(rotated, withLimit(500 + rotated.mark.nonce))
    for (const [i, { envelopeBytes, mark }] of [rotated, network].entries()) {
      nodes[i]?.applyManifest(envelopeBytes)
      await simulation.until(
        () => nodes.every(node => inForce(node).hash === mark.hash),
        seconds(5),
      )
    }
  }
  const late = await simulation.start('late')
  await simulation.until(() => late.node.status().phase === 'active')
  expect(inForce(late.node)).toMatchObject({ nonce: 6, hash: network.mark.hash })
  // And the file that any of them gives out is enough for the next one.
  const file = late.node.manifestFile()
  const given = await simulation.start('given', { manifestEnvelope: file })
  expect(inForce(given.node).nonce).toBe(6)
})

test('a partition that missed a change of the manifest set learns of it at the heal', async () => {
  simulation = new Simulation(104)
  const nodes = nodesOf(await simulation.startNetwork(4))
  const [a, b, c, d] = nodes.map(({ id }) => id) as [never, never, never, never]
  simulation.network.partition([a, b], [c, d])
  await simulation.time.advance(seconds(2))
  const rotated = rotatedManifest(simulation.fixture, 'new')
  const later = nextManifest(rotated, withLimit(77))
  nodes[0]?.applyManifest(rotated.envelopeBytes)
  nodes[0]?.applyManifest(later.envelopeBytes)
  await simulation.time.advance(seconds(5))
  expect(nodes.map(node => inForce(node).nonce)).toEqual([2, 2, 0, 0])
  simulation.network.heal()
  await simulation.until(() => nodes.every(node => inForce(node).hash === later.mark.hash))
})

test('what is not approved, not higher, or founds another network changes nothing and says why', async () => {
  simulation = new Simulation(105)
  const [node] = nodesOf(await simulation.startNetwork(1)) as [CoterieNode]
  const { fixture } = simulation
  const refusal = (file: Uint8Array): unknown => {
    try {
      return node.applyManifest(file)
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  const next = nextManifest(fixture, withLimit(2))
  const { manifest, approvals } = next.envelope
  const fileOf = (envelope: object): Uint8Array => utf8(canonicalJson(envelope))
  const [first] = approvals
  expect(refusal(fileOf({ manifest, approvals: [] }))).toBe('APPROVALS_MISSING')
  expect(refusal(fileOf({ manifest, approvals: [first, first, first] }))).toBe('APPROVALS_MISSING')
  const forged = { ...first, signature: '00'.repeat(64) }
  expect(refusal(fileOf({ manifest, approvals: [forged] }))).toBe('APPROVAL_INVALID')
  const other = { ...manifest, limits: withLimit(3)(manifest).limits }
  expect(refusal(fileOf({ manifest: other, approvals }))).toBe('APPROVAL_INVALID')
  const stranger = nextManifest(testNetwork({ seed: 'another network' }), withLimit(2))
  expect(refusal(stranger.envelopeBytes)).toBe('FOUNDING_CHANGED')
  expect(refusal(utf8('{}'))).toBe('MANIFEST_KEY_MISSING')
  expect(inForce(node).nonce).toBe(0)
  expect(refusal(next.envelopeBytes)).toMatchObject({ changed: true })
  expect(refusal(fixture.envelopeBytes)).toBe('NONCE_NOT_HIGHER')
  expect(inForce(node).nonce).toBe(1)
})

test('half of the nodes get one manifest and half another of its nonce: alarm, nobody new, and the next one heals all', async () => {
  simulation = new Simulation(106)
  const nodes = nodesOf(await simulation.startNetwork(4))
  const ids = nodes.map(({ id }) => id)
  const left = nextManifest(simulation.fixture, withLimit(100))
  const right = nextManifest(simulation.fixture, withLimit(200))
  simulation.network.partition(ids.slice(0, 2), ids.slice(2))
  nodes[0]?.applyManifest(left.envelopeBytes)
  nodes[3]?.applyManifest(right.envelopeBytes)
  await simulation.time.advance(seconds(3))
  simulation.network.heal()
  const isAlarmed = (node: CoterieNode): boolean =>
    node.status().warnings.some(({ code }) => code === 'MANIFEST_EQUIVOCATION')
  await simulation.until(() => nodes.every(isAlarmed), minutes(2))
  const hashes = [left, left, right, right].map(({ mark }) => mark.hash)
  expect(nodes.map(node => inForce(node).hash)).toEqual(hashes)
  const late = await simulation.start('late', { manifestEnvelope: left.envelopeBytes })
  await simulation.time.advance(minutes(1))
  expect(late.node.status().phase).not.toBe('active')
  expect(nodes.every(node => node.members().every(({ node: id }) => id !== late.node.id))).toBe(
    true,
  )
  const healed = nextManifest(left, withLimit(300))
  nodes[2]?.applyManifest(healed.envelopeBytes)
  const all = [...nodes, late.node]
  await simulation.until(() => all.every(node => inForce(node).hash === healed.mark.hash))
  await simulation.until(() => all.every(node => node.status().members.active === 5))
  expect(all.some(isAlarmed)).toBe(false)
})

test('a new manifest changes what is public and the pace of beats in running nodes, and nobody is suspected for it', async () => {
  simulation = new Simulation(107)
  const nodes = nodesOf(await simulation.startNetwork(3))
  const [first] = nodes as [CoterieNode]
  await simulation.settle(first.state.set('shown/a', utf8('1')))
  await simulation.settle(first.state.set('hidden/a', utf8('2')))
  const rootsOf = (): Set<string> => new Set(nodes.map(node => node.status().state.root))
  await simulation.time.advance(seconds(10))
  expect(rootsOf().size).toBe(1)
  const [before] = rootsOf()
  const next = nextManifest(simulation.fixture, manifest => ({
    ...manifest,
    api: { ...manifest.api, publicPrefixes: ['shown/'] },
    liveness: { ...manifest.liveness, beatIntervalMs: 4_000 },
  }))
  first.applyManifest(next.envelopeBytes)
  await simulation.until(() => rootsOf().size === 1 && !rootsOf().has(before as string), minutes(1))
  // A node that starts with these rules computes the same root: nothing was left in the wrong trie.
  const late = await simulation.start('late')
  await simulation.until(() => late.node.status().phase === 'active')
  await simulation.until(() => late.node.status().state.root === first.status().state.root)
  await simulation.time.advance(minutes(2))
  expect(nodes.every(node => node.members().every(({ state }) => state === 'alive'))).toBe(true)
  const back = nextManifest(next, manifest => ({
    ...manifest,
    api: { ...manifest.api, publicPrefixes: [] },
    liveness: { ...manifest.liveness, beatIntervalMs: 500 },
  }))
  nodes[1]?.applyManifest(back.envelopeBytes)
  await simulation.until(() => rootsOf().size === 1 && rootsOf().has(before as string))
  expect(nodes.every(node => node.members().every(({ state }) => state === 'alive'))).toBe(true)
})

test('the node whose measurement the next manifest leaves out is cut off within seconds and says so itself', async () => {
  const old = registersOf('old release')
  const { measurement, signer } = old
  const release = (name: string) => ({ name, platform: 'simulated' as const })
  const both = testNetwork({
    seed: 'two releases',
    change: manifest => ({
      ...manifest,
      join: {
        ...manifest.join,
        measurements: [
          ...manifest.join.measurements,
          {
            ...manifest.join.measurements[0],
            ...release('old-release'),
            registers: { measurement, signer },
          },
        ] as Manifest['join']['measurements'],
      },
    }),
  })
  simulation = new Simulation(108, both)
  const nodes = [
    await simulation.start('node-0', { found: true }),
    await simulation.start('node-1'),
  ]
  const outdated = await simulation.start('old', { machine: { registers: old } })
  const all = [...nodes, outdated]
  await simulation.until(() => all.every(({ node }) => node.status().members.active === 3))
  const next = nextManifest(both, manifest => ({
    ...manifest,
    join: { ...manifest.join, measurements: manifest.join.measurements.slice(0, 1) },
  }))
  nodes[0]?.node.applyManifest(next.envelopeBytes)
  const remaining = nodesOf(nodes)
  await simulation.until(
    () => remaining.every(node => node.members().every(({ node: id }) => id !== outdated.node.id)),
    seconds(5),
  )
  await simulation.until(() => inForce(outdated.node).nonce === 1, minutes(1))
  const { warnings, next: step } = outdated.node.status()
  expect(warnings.map(({ code }) => code)).toContain('NOT_ADMITTED')
  expect(step).toContain('software that the manifest admits')
  const write = outdated.node.state.set('late', utf8('word'), { ack: 'local' })
  await expect(write).rejects.toMatchObject({ code: 'NOT_ADMITTED' })
  // A mistake of the manifest set costs nothing but time: the next manifest lets it in again as it was.
  const mended = nextManifest(next, manifest => ({ ...manifest, join: both.manifest.join }))
  nodes[1]?.node.applyManifest(mended.envelopeBytes)
  await simulation.until(() => remaining.every(node => node.members().length === 3), minutes(2))
  expect(outdated.node.status().warnings.map(({ code }) => code)).not.toContain('NOT_ADMITTED')
})
