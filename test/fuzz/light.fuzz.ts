/** What a light client reads that nobody vouches for: links, and bundles from anybody. */

import { utf8 } from '../../src/base/bytes.ts'
import { CoterieError } from '../../src/base/errors.ts'
import { LightClient, verifyBundle } from '../../src/light/client.ts'
import { parseLink } from '../../src/light/link.ts'
import { FakeLightNetwork } from '../fakes/light-nodes.ts'
import { fuzz, type Target } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const network = await FakeLightNetwork.make()
const sources = network.origins.slice(0, 1)
const client = await LightClient.open(network.ports(), { pin: network.pin, sources })
const { report } = await client.get('public/motd')

const samples: Readonly<Record<string, readonly Uint8Array[]>> = {
  parseLink: [
    `coterie:${network.pin.network}/${network.pin.manifest}?node=https%3A%2F%2Fa.example`,
    `coterie:${network.pin.network}/${network.pin.manifest}?node=http%3A%2F%2F%5B%3A%3A1%5D%3A9000`,
  ].map(utf8),
  verifyBundle: [client.bundle()],
}

/** Its own errors are how it says no. */
async function orNo<T>(act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof CoterieError && error.code !== 'INVARIANT_BROKEN') return undefined
    throw error
  }
}

const targets: Readonly<Record<string, Target>> = {
  parseLink: async bytes => {
    await orNo(() => parseLink(new TextDecoder().decode(bytes)))
  },
  verifyBundle: async bytes => {
    const found = await orNo(() => verifyBundle(bytes, { pin: network.pin }))
    if (found?.report.state !== 'fresh') return
    if (found.report.head?.root !== report.head?.root) throw new Error('a state that nobody signed')
  },
}

fuzz(Object.entries(targets), (draw: Draw, name) => mutate(samples[name] ?? [], draw))
