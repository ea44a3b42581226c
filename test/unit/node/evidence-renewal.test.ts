/**
 * Nodes that outlive the certificate under the evidence of their keys: enclaves whose leaf lives three hours, as on AWS. Beats come
 * once a minute, so that half a day passes in seconds.
 */
import { afterEach, expect, test, vi } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { tcbRuleOf } from '../../../src/attestation/manifest-draft.ts'
import { toHex, utf8 } from '../../../src/base/bytes.ts'

import { after, hours, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import type { Host } from '../../../src/host/port.ts'
import type { Evidence } from '../../../src/wire/evidence.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { virtualEpoch } from '../../fakes/virtual-time.ts'
import { testNetwork } from '../../fixtures/network.ts'
import { makeNitroAuthority, nitroDocument, nitroImage } from '../../forge/nitro.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
// Ten hours of virtual time are seconds of a processor that others use as well.
vi.setConfig({ testTimeout: 600_000 })

const authority = makeNitroAuthority(timestamp(virtualEpoch))
const leafLife = hours(3)

/** Enclaves of one image, and nothing else. */
function enclaves(seed: string): Simulation {
  const admitted = {
    ...{ name: 'enclave', platform: 'nitro' as const, svnMin: 0 },
    registers: {
      pcr0: toHex(nitroImage('coterie-test')),
      pcr1: toHex(nitroImage('kernel')),
      pcr2: toHex(nitroImage('application')),
    },
    ...{ validFrom: '2026-10-31T00:00:00Z', validUntil: '2027-10-31T00:00:00Z' },
  }
  const anchor = { platform: 'nitro' as const, publicKey: authority.anchor }
  const slow = { beatIntervalMs: 60_000, leaseMs: 600_000 }
  const change = ({ founding, join, liveness, ...manifest }: Manifest): Manifest => ({
    ...manifest,
    founding: { ...founding, anchors: [anchor, ...founding.anchors] },
    join: { ...join, measurements: [admitted], tcb: [tcbRuleOf('nitro')] },
    liveness: { ...liveness, ...slow },
  })
  return new Simulation(3_100, testNetwork({ seed, change }), 'wan')
}

/** What one enclave did, and what it is to do. */
interface Enclave {
  readonly host: (host: Host) => Host
  /** Quotes asked for with the report data of the first one: that of the keys. */
  readonly keyQuotes: Evidence[]
  /** Answers instead of the module, if it is set. */
  instead: ((reportData: Uint8Array) => Promise<Evidence>) | undefined
  readonly quote: (reportData: Uint8Array, instance?: string) => Evidence
}

function enclave(instance: string): Enclave {
  let clock: Host['clock'] | undefined
  let keys: string | undefined
  const quote = (userData: Uint8Array, on = instance): Evidence => {
    const now = clock?.wall() ?? timestamp(virtualEpoch)
    const leaf = { notBefore: after(now, seconds(-1)), notAfter: after(now, leafLife) }
    const body = nitroDocument(authority, { userData, instance: on, timestamp: now, leaf })
    return { platform: 'nitro', body }
  }
  const made: Enclave = {
    keyQuotes: [],
    instead: undefined,
    quote,
    host: host => {
      clock = host.clock
      return {
        ...host,
        attester: {
          platform: 'nitro',
          quote: async reportData => {
            keys ??= toHex(reportData)
            const isOfKeys = toHex(reportData) === keys
            const found = isOfKeys ? await made.instead?.(reportData) : undefined
            const evidence = found ?? quote(reportData)
            if (isOfKeys) made.keyQuotes.push(evidence)
            return evidence
          },
        },
      }
    },
  }
  return made
}

const instanceOf = (i: number): string => `i-${(i + 1).toString(16).padStart(17, '0')}`

/** So many enclaves, all members of each other. */
async function startEnclaves(
  count: number,
): Promise<{ readonly nodes: SimulatedNode[]; readonly machines: Enclave[] }> {
  const machines = Array.from({ length: count }, (_, i) => enclave(instanceOf(i)))
  const nodes: SimulatedNode[] = []
  for (const [i, { host }] of machines.entries()) {
    nodes.push(await simulation.start(`node-${i}`, { found: i === 0, host }))
  }
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, count)), minutes(20))
  return { nodes, machines }
}

/** Lets time pass until so long after the start. */
async function untilHour(hour: number): Promise<void> {
  const { clock } = simulation.time
  const end = hours(hour)
  await simulation.until(() => clock.monotonic() >= end, end)
}

const join = async (name: string, i: number, count: number, nodes: SimulatedNode[]) => {
  const machine = enclave(instanceOf(i))
  const joiner = await simulation.start(name, { host: machine.host })
  nodes.push(joiner)
  await simulation.until(() => nodes.every(({ node }) => isWhole(node, count)), minutes(20))
  return joiner
}

test('whoever comes four or ten hours after the start is admitted by all, and admits all', async () => {
  simulation = enclaves('renewed')
  const { nodes, machines } = await startEnclaves(5)
  const first = [...nodes]
  await untilHour(4)
  await join('at four', 5, 6, nodes)
  await untilHour(10)
  await join('at ten', 6, 7, nodes)
  for (const { node } of nodes) expect(node.status().warnings).toEqual([])
  const written = nodes[6]?.node.state.set('late', utf8('word'), { ack: 6 })
  expect((await simulation.settle(written ?? Promise.reject(), minutes(5))).acknowledgedBy).toBe(6)
  // Every two hours or less, and not much oftener.
  for (const { keyQuotes } of machines) {
    expect(keyQuotes.length).toBeGreaterThanOrEqual(6)
    expect(keyQuotes.length).toBeLessThanOrEqual(8)
  }
  for (const { node } of first) {
    const { disconnected } = node.losses()
    expect(Object.entries(disconnected).filter(([, count]) => count > 0)).toEqual([])
  }
})
