/** Whole nodes on Nitro enclaves beside one on a simulated machine: all but AWS's signature is what production runs. */
import { afterEach, expect, test } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { tcbRuleOf } from '../../../src/attestation/manifest-draft.ts'
import { after, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import { isWhole, Simulation } from '../../fakes/simulation.ts'
import { virtualEpoch } from '../../fakes/virtual-time.ts'
import { measurementOn } from '../../fixtures/mixed-platforms.ts'
import { testNetwork } from '../../fixtures/network.ts'
import {
  makeNitroAuthority,
  type NitroRequest,
  nitroDocument,
  nitroImage,
} from '../../forge/nitro.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

const authority = makeNitroAuthority(timestamp(virtualEpoch))

/** The usual testnet, which admits an image of Nitro besides. */
function mixed(seed: string): Simulation {
  const admitted = measurementOn({ at: timestamp(virtualEpoch) }, 'nitro')
  const anchor = { platform: 'nitro' as const, publicKey: authority.anchor }
  const change = ({ founding, join, ...manifest }: Manifest): Manifest => ({
    ...manifest,
    founding: { ...founding, anchors: [anchor, ...founding.anchors] },
    join: {
      ...join,
      measurements: [...join.measurements, admitted],
      tcb: [tcbRuleOf('nitro'), ...join.tcb],
    },
  })
  return new Simulation(910, testNetwork({ seed, change }))
}

/** A host whose TEE is an enclave of this instance; its certificates live for `life`, three hours on AWS. */
const enclave =
  (instance: string, request: NitroRequest = {}, life = minutes(180)) =>
  (host: Host): Host => ({
    ...host,
    attester: {
      platform: 'nitro',
      quote: async userData => {
        const now = host.clock.wall()
        const leaf = { notBefore: after(now, seconds(-1)), notAfter: after(now, life) }
        const body = nitroDocument(authority, {
          userData,
          instance,
          timestamp: now,
          leaf,
          ...request,
        })
        return { platform: 'nitro', body }
      },
    },
  })

test('nodes on Nitro and on a simulated machine join each other, and count machines by instance', async () => {
  simulation = mixed('nitro joins')
  const nodes = [
    await simulation.start('node-0', { found: true }),
    await simulation.start('node-1', { host: enclave('i-0000000000000000a') }),
    await simulation.start('node-2', { host: enclave('i-0000000000000000b') }),
    await simulation.start('node-3', { host: enclave('i-0000000000000000b') }),
  ]
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 4)))
  const [first] = nodes
  const members = first?.node.members() ?? []
  expect(new Set(members.map(({ instance }) => instance)).size).toBe(3)
})

test('a Nitro node stays a member when the certificate of its first document has ended', async () => {
  simulation = mixed('nitro stays')
  const nodes = [
    await simulation.start('node-0', { found: true }),
    await simulation.start('node-1', { host: enclave('i-0000000000000000a', {}, minutes(2)) }),
    await simulation.start('node-2', { host: enclave('i-0000000000000000b', {}, minutes(2)) }),
  ]
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, 3)))
  const { clock } = simulation.time
  const end = after(clock.monotonic(), minutes(6))
  let whole = true
  await simulation.until(() => {
    whole &&= nodes.every(({ node }) => isWhole(node, 3))
    return clock.monotonic() >= end
  }, minutes(10))
  expect(whole).toBe(true)
})

const strangers: readonly [string, NitroRequest][] = [
  ['in debug mode', { pcrs: { 0: new Uint8Array(48) } }],
  ['of another image', { pcrs: { 0: nitroImage('other') } }],
  ['whose document speaks of other keys', { userData: new Uint8Array(64) }],
]
test.each(strangers)('an enclave %s is let in by nobody', async (which, request) => {
  simulation = mixed(`nitro ${which}`)
  const nodes = await simulation.startNetwork(2)
  const stranger = await simulation.start('stranger', {
    host: enclave('i-0000000000000000c', request),
  })
  const { clock } = simulation.time
  const end = after(clock.monotonic(), seconds(20))
  await simulation.until(() => clock.monotonic() >= end)
  for (const { node } of nodes) expect(node.status().members.known).toBe(2)
  expect(stranger.node.status().members.known).toBe(1)
})
