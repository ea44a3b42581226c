/** The audit record of whole nodes over a fake network: who comes, is judged anew and goes, and what a group signs. */
import { afterEach, expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import type { Secret } from '../../../src/base/secret.ts'
import { seconds } from '../../../src/base/time.ts'
import { AuditMemory } from '../../../src/node/audit-memory.ts'
import type { CoterieNode } from '../../../src/node/handle.ts'
import { membersAt } from '../../../src/protocol/audit/members-at.ts'
import { factOf, type RecordReport, verifyRecord } from '../../../src/protocol/audit/verify.ts'
import { Simulation } from '../../fakes/simulation.ts'
import { nextManifest } from '../../fixtures/network.ts'

let simulation: Simulation
afterEach(() => simulation.stop())

async function reportOf(node: CoterieNode): Promise<RecordReport> {
  const report = verifyRecord(await simulation.settle(node.audit.export()))
  if ('code' in report) throw new Error(`${report.code} ${JSON.stringify(report.facts)}`)
  return report
}

async function three(): Promise<readonly [CoterieNode, CoterieNode, CoterieNode]> {
  simulation = new Simulation(1)
  const [a, b, c] = (await simulation.startNetwork(3)).map(({ node }) => node)
  if (!a || !b || !c) throw new Error('three nodes were started')
  return [a, b, c]
}

const timeOf = ({ entries }: RecordReport, kind: string, subject: string): number => {
  const found = entries.find(entry => entry.kind === kind && entry.subject === subject)
  if (found === undefined) throw new Error(`no ${kind} of ${subject}`)
  return found.groupClock ?? found.at
}

function namesAt(report: RecordReport, time: number): readonly string[] {
  const past = membersAt(report, time)
  if ('code' in past) throw new Error(past.code)
  return past.members.map(({ node }) => node)
}

test('who came is in the record with evidence and policy, is judged anew under another policy, and is out once gone', async () => {
  const [a, b, c] = await three()
  const next = nextManifest(simulation.fixture, manifest => ({
    ...manifest,
    join: { ...manifest.join, evidenceAgeMs: manifest.join.evidenceAgeMs + 1_000 },
  }))
  a.applyManifest(next.envelopeBytes)
  await simulation.until(() => b.status().manifest.hash === next.mark.hash, seconds(10))
  await simulation.until(() => a.members().every(({ phase }) => phase === 'active'), seconds(30))
  await simulation.time.advance(seconds(5))
  await simulation.settle(c.leave())
  await simulation.until(() => a.members().length === 2, seconds(60))
  const report = await reportOf(a)
  const gone = timeOf(report, 'member-gone', c.id)
  expect(namesAt(report, gone - 1)).toEqual([a.id, b.id, c.id].sort())
  expect(namesAt(report, gone)).toEqual([a.id, b.id].sort())
  const renewed = report.entries.find(
    ({ kind, subject }) => kind === 'member-renewed' && subject === b.id,
  )
  const admitted = report.entries.find(
    ({ kind, subject }) => kind === 'member-admitted' && subject === b.id,
  )
  if (renewed === undefined || admitted === undefined) throw new Error('both are there')
  expect(factOf(renewed, 'manifest')).toBe(next.mark.hash)
  expect(factOf(renewed, 'policy')).not.toBe(factOf(admitted, 'policy'))
  expect(factOf(renewed, 'evidence')).toBe(factOf(admitted, 'evidence'))
})

test('what a group is made of and signs is in the records of who asked and of who signed', async () => {
  const [a, b, c] = await three()
  const request = { suite: 'ed25519', threshold: 2, locks: true, purpose: 'a test' } as const
  const signers = [a, b, c].map(({ id }) => id)
  const { group } = await simulation.settle(a.signing.makeGroup({ ...request, signers }))
  await simulation.settle(a.sign({ group, message: utf8('pay nobody'), lock: utf8('round 1') }))
  const kinds = new Map<string, number>()
  for (const node of [a, b, c]) {
    for (const { kind } of (await reportOf(node)).entries) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    }
  }
  expect(kinds.get('signing-group')).toBe(3)
  expect(kinds.get('signing-made')).toBeGreaterThanOrEqual(3)
  expect(kinds.get('signing-locked')).toBeGreaterThanOrEqual(2)
})

test('a node whose record cannot be written is a member all the same, and its status says so', async () => {
  simulation = new Simulation(1)
  const audit = new BrokenDisk()
  const { node } = await simulation.start('node-0', {
    found: true,
    host: host => ({ ...host, audit }),
  })
  await simulation.until(() => node.status().phase === 'active')
  expect(node.status().warnings).toContainEqual(
    expect.objectContaining({ code: 'AUDIT_NOT_WRITTEN' }),
  )
})

test('a record that fails at the very end keeps no key alive and nobody waiting', async () => {
  simulation = new Simulation(1)
  let seed: Secret | undefined
  let released = 0
  const { node } = await simulation.start('node-0', {
    found: true,
    host: host => ({
      ...{ ...host, audit: new FailingEnd(), release: () => void released++ },
      openNet: options => {
        seed = options.identitySeed
        return host.openNet(options)
      },
    }),
  })
  await simulation.until(() => node.status().phase === 'active')
  await expect(simulation.settle(node.stop())).rejects.toThrow('a bug')
  await node.ended
  expect([seed?.isWiped, released]).toEqual([true, 1])
  simulation = new Simulation(2)
})

class FailingEnd extends AuditMemory {
  override close(): never {
    throw new Error('a bug')
  }
}

class BrokenDisk extends AuditMemory {
  override open(): never {
    throw new HostError('AUDIT_NOT_WRITTEN', 'The audit record cannot be written.')
  }

  override append(): never {
    throw new HostError('AUDIT_NOT_WRITTEN', 'The audit record cannot be written.')
  }
}
