/**
 * Nodes that outlive the certificate under the evidence of their keys: enclaves whose leaf lives three hours, as on AWS. Beats come
 * once a minute, so that half a day passes in seconds.
 */
import { afterEach, expect, test, vi } from 'vitest'
import type { Manifest } from '../../../src/attestation/manifest.ts'
import { tcbRuleOf } from '../../../src/attestation/manifest-draft.ts'
import { fromHex, toHex, utf8 } from '../../../src/base/bytes.ts'

import { HostError } from '../../../src/base/errors.ts'
import { after, hours, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import { netLimits } from '../../../src/host/net/options.ts'
import type { Admission } from '../../../src/host/net/port.ts'
import type { Host } from '../../../src/host/port.ts'
import type { Evidence } from '../../../src/wire/evidence.ts'
import { RecordingHandlers } from '../../conformance/net-world.ts'
import { isWhole, type SimulatedNode, Simulation } from '../../fakes/simulation.ts'
import { virtualEpoch } from '../../fakes/virtual-time.ts'
import { measurementOn } from '../../fixtures/mixed-platforms.ts'
import { testNetwork } from '../../fixtures/network.ts'
import { makeNitroAuthority, nitroDocument } from '../../forge/nitro.ts'

let simulation: Simulation
afterEach(() => simulation.stop())
// Ten hours of virtual time are seconds of a processor that others use as well.
vi.setConfig({ testTimeout: 600_000 })

const authority = makeNitroAuthority(timestamp(virtualEpoch))
const leafLife = hours(3)

/** Enclaves of one image, and nothing else. */
function enclaves(seed: string): Simulation {
  const admitted = measurementOn({ at: timestamp(virtualEpoch) }, 'nitro')
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
  /** The report data of the keys. */
  readonly keys: () => Uint8Array
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
    keys: () => fromHex(keys ?? '') ?? new Uint8Array(),
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

/** Shows this evidence in handshakes from now on, whatever the node itself would show. */
function show({ net }: SimulatedNode, evidence: Evidence): void {
  const { admission } = net()
  const self = admission.self.bind(admission)
  Object.assign(admission, { self: () => ({ ...self(), evidence }) })
}

const bootEvidence = ({ keyQuotes }: Enclave): Evidence => {
  const [first] = keyQuotes
  if (first === undefined) throw new Error('an enclave quotes its keys at boot')
  return first
}

/** What `judge` itself said of `stranger`. */
const refusalsBy = (judge: SimulatedNode, stranger: SimulatedNode): readonly string[] =>
  judge.node
    .refusals()
    .filter(({ by, node }) => by === 'me' && node === stranger.node.id)
    .map(({ code }) => code)

const isMemberAt = (judge: SimulatedNode, of: SimulatedNode): boolean =>
  judge.node.members().some(({ node }) => node === of.node.id)

test('the evidence of boot, shown to a newcomer instead of the newest, is refused as expired', async () => {
  simulation = enclaves('old evidence')
  const { nodes, machines } = await startEnclaves(2)
  const [founder, other] = nodes as [SimulatedNode, SimulatedNode]
  await untilHour(4)
  show(other, bootEvidence(machines[1] as Enclave))
  const late = await simulation.start('late', { host: enclave(instanceOf(7)).host })
  await simulation.until(() => refusalsBy(late, other).length > 0, minutes(20))
  expect(refusalsBy(late, other)).toEqual(['EVIDENCE_EXPIRED'])
  await simulation.until(() => isMemberAt(late, founder), minutes(20))
  expect(
    late
      .net()
      .connections()
      .map(({ node }) => node),
  ).toEqual([founder.node.id])
})

test('key evidence of another machine is refused in a handshake by whoever knows the node', async () => {
  simulation = enclaves('another machine')
  const { nodes, machines } = await startEnclaves(2)
  const [founder, other] = nodes as [SimulatedNode, SimulatedNode]
  const { keys, quote } = machines[1] as Enclave
  show(other, quote(keys(), instanceOf(9)))
  await founder.net().disconnect(other.node.id, 'LINK_CLOSED')
  await simulation.until(() => refusalsBy(founder, other).length > 0, minutes(20))
  expect(refusalsBy(founder, other)).toEqual(['INSTANCE_MISMATCH'])
})

test('whoever stole the keys and the evidence of boot is never fresh, goes with its verdict, and is refused once that evidence ends', async () => {
  simulation = enclaves('stolen keys')
  const { nodes, machines } = await startEnclaves(2)
  const [founder, victim] = nodes as [SimulatedNode, SimulatedNode]
  const { admission } = victim.net()
  const evidence = bootEvidence(machines[1] as Enclave)
  await untilHour(2)
  // The machine is off; its keys and what it showed at boot live on elsewhere, where no enclave quotes for them.
  await simulation.settle(victim.net().stop())
  const changed: Partial<Admission> = {
    self: () => ({ ...admission.self(), evidence }),
    quote: async () => {
      throw new Error('there is no enclave here')
    },
  }
  const stolen = new Proxy(admission, {
    get: (target, name) => {
      const value = Reflect.get(changed, name) ?? Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const thief = simulation.network.open({
    ...{ listen: '/memory/thief', bootstrap: ['/memory/0'], limits: netLimits.wan },
    ...{ admission: stolen, handlers: new RecordingHandlers() },
  })
  await thief.start(AbortSignal.timeout(600_000))
  const { node: self } = victim
  await simulation.until(() => founder.net().connections().length > 0, minutes(10))
  // What the victim itself proved counts for one evidence age, and nothing is added to it.
  await simulation.until(() => simulation.time.now >= hours(3.1), hours(2))
  let wasFresh = false
  await simulation.until(() => {
    wasFresh ||= founder.node.members().some(({ node, isFresh }) => node === self.id && isFresh)
    return simulation.time.now >= hours(4)
  }, hours(2))
  expect(isMemberAt(founder, victim)).toBe(false)
  expect(founder.net().connections()).toEqual([])
  await simulation.until(() => refusalsBy(founder, victim).includes('EVIDENCE_EXPIRED'), hours(1))
  await simulation.settle(thief.stop())
  expect(wasFresh).toBe(false)
})

test('a node whose enclave gives nothing newer says so, keeps its members, and is refused by newcomers', async () => {
  simulation = enclaves('no renewal')
  const { nodes, machines } = await startEnclaves(2)
  const [founder, stuck] = nodes as [SimulatedNode, SimulatedNode]
  const machine = machines[1] as Enclave
  machine.instead = async () => {
    throw new HostError('TEE_BUSY', 'the module is busy')
  }
  await untilHour(3.5)
  const { warnings, next } = stuck.node.status()
  expect(warnings.map(({ code }) => code)).toEqual(['EVIDENCE_NOT_RENEWED'])
  expect(next).toContain('coterie doctor')
  expect(nodes.every(({ node }) => isWhole(node, 2))).toBe(true)
  const late = await simulation.start('late', { host: enclave(instanceOf(7)).host })
  await simulation.until(() => refusalsBy(late, stuck).length > 0, minutes(20))
  expect(refusalsBy(late, stuck)).toEqual(['EVIDENCE_EXPIRED'])
  machine.instead = undefined
  await simulation.until(
    () => [founder, stuck, late].every(({ node }) => isWhole(node, 3)),
    hours(1),
  )
  expect(stuck.node.status().warnings).toEqual([])
})
