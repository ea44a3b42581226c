/** Light clients over libp2p alone: real connections, real frames, and what fake nodes commit to. */
import { expect, test } from 'vitest'
import { LightClient, type LightOptions, verifyBundle } from '../../../../src/light/client.ts'
import { FakeLightNetwork } from '../../../fakes/light-nodes.ts'
import { textOf } from '../../../fixtures/light-client.ts'
import { dialler, serveLightStreams } from '../../../fixtures/light-streams.ts'

test('a value is proven over libp2p alone, and the report names nodes by their multiaddrs', async () => {
  const network = await FakeLightNetwork.make()
  const nodes = await serveLightStreams(network)
  const { source } = await dialler(network.network.network)
  const sources: LightOptions['sources'] = nodes.map(({ address }) => source(address))
  const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
  const { report, content } = await client.get('public/motd')
  expect(report).toMatchObject({ verdict: 'trusted', state: 'fresh' })
  expect(report.nodes.map(node => node.source)).toEqual(nodes.map(({ address }) => address))
  expect(textOf(content)).toBe('hello')
  for (const { net } of nodes) expect(net.socketCount()).toBe(1)
  // Offline, from what was gathered, whatever way it came.
  expect(await verifyBundle(client.bundle(), { pin: network.pin })).toMatchObject({ report })
})

test('an HTTP source and a dialled one are held against each other', async () => {
  const network = await FakeLightNetwork.make()
  const nodes = await serveLightStreams(network)
  const { source } = await dialler(network.network.network)
  const sources = [network.origins[0] ?? '', source(nodes[1]?.address ?? '')]
  const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
  expect(await client.check()).toMatchObject({ verdict: 'trusted', state: 'fresh' })
  const [, b] = network.nodes
  if (b === undefined) throw new Error('two nodes')
  b.bends.claim = claim => ({ ...claim, publicRoot: new Uint8Array(32).fill(3) })
  await network.advance()
  const apart = await client.check()
  expect(apart).toMatchObject({ verdict: 'undetermined', state: 'not converged', head: null })
})

test('a node that lies is refused over libp2p as over HTTP, with the reason', async () => {
  const network = await FakeLightNetwork.make()
  const nodes = await serveLightStreams(network)
  const { source } = await dialler(network.network.network)
  const [a] = network.nodes
  if (a === undefined) throw new Error('a node')
  a.bends.attestation = answer => ({ ...answer, nonce: new Uint8Array(32) })
  const sources = [source(nodes[0]?.address ?? '')]
  const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
  const lied = await client.check()
  expect(lied.verdict).toBe('refused')
  const overHttp = await LightClient.open(network.ports(), {
    pin: network.pin,
    sources: network.origins.slice(0, 1),
  })
  expect((await overHttp.check()).code).toBe(lied.code)
})

test('one source that nobody answers at leaves the others as they are', async () => {
  const network = await FakeLightNetwork.make()
  const nodes = await serveLightStreams(network)
  const { source } = await dialler(network.network.network)
  await nodes[2]?.net.stop()
  const sources = nodes.map(({ address }) => source(address))
  const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
  const report = await client.check()
  expect(report.nodes.map(({ code }) => code)).toEqual(['TRUSTED', 'TRUSTED', 'SOURCE_UNREACHABLE'])
})
