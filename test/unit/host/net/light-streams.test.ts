/** Light clients over libp2p alone: real connections, real frames, and what fake nodes commit to. */
import { expect, test } from 'vitest'
import { LightClient, type LightOptions } from '../../../../src/light/client.ts'
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
})
