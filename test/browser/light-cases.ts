/** Questions to a light client: what one saved of nodes on every platform, and where to change it. */
import { toHex } from '../../src/base/bytes.ts'
import { timestamp } from '../../src/base/time.ts'
import { LightClient } from '../../src/light/client.ts'
import { FakeLightNetwork } from '../fakes/light-nodes.ts'
import { virtualEpoch } from '../fakes/virtual-time.ts'
import { realPlatforms } from '../fixtures/mixed-platforms.ts'
import type { LightQuestion } from './page/light.ts'

/** Places that are changed in each bundle, evenly apart; all kinds of fields are longer than that. */
export const changesMax = 150

/** What a client saved of one node on each platform, and of a network of them all. */
export async function lightCases(): Promise<Readonly<Record<string, LightQuestion>>> {
  const rows = [
    ...realPlatforms.map(platform => [platform, [platform]] as const),
    ['simulated', []] as const,
    ['all together', realPlatforms] as const,
  ]
  const saved = rows.map(async ([name, platforms]) => {
    const nodes = Math.max(1, platforms.length)
    const at = timestamp(virtualEpoch + 3_600_000)
    const network = await FakeLightNetwork.make({ platforms, nodes, quorum: nodes, at })
    const { pin, origins } = network
    const client = await LightClient.open(network.ports(), { pin, sources: origins })
    const { report } = await client.get('public/motd')
    if (report.code !== 'TRUSTED') throw new Error(`${name}: ${report.sentence}`)
    const bundle = client.bundle()
    const apart = Math.ceil(bundle.length / changesMax)
    const changes = Array.from(
      { length: Math.floor(bundle.length / apart) },
      (_, i) => [i * apart, 1 << (i % 8)] as const,
    )
    return [name, { pin, bundle: toHex(bundle), changes }] as const
  })
  return Object.fromEntries(await Promise.all(saved))
}
