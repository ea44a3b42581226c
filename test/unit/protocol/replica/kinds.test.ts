/** Multi-value registers and counters: what concurrent writers keep, and what nobody can do to another. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { instant } from '../../../../src/base/time.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import type { ReplicaEffect } from '../../../../src/protocol/replica/types.ts'
import { BatchWriter, parseBatch } from '../../../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { slotOf } from '../../../../src/wire/slot.ts'
import { SyncPageWriter, syncAnswerCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode, seeded } from '../../../fakes/replica-network.ts'

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valuesOf = (node: FakeNode, key: string): (string | undefined)[] => {
  const entry = node.replica.get(key)
  return entry?.kind === 'multi' ? entry.values.map(fromUtf8) : []
}
const countOf = (node: FakeNode, key: string): bigint | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'counter' ? entry.value : undefined
}
const codeOf = (node: FakeNode, id: number): string | undefined => node.outcomes.get(id)?.code
const faultsOf = (node: FakeNode): string[] =>
  node.effects.flatMap(effect => (effect.kind === 'peerFault' ? [effect.code] : []))

function trio(seed = 1): { network: FakeNetwork; nodes: [FakeNode, FakeNode, FakeNode] } {
  const network = new FakeNetwork({ seed })
  const [a, b, c] = [network.found(), network.join(), network.join()]
  network.beatFor(3)
  return { network, nodes: [a, b, c] }
}

const assign = (network: FakeNetwork, node: FakeNode, value: string): number =>
  network.write(node, { kind: 'assign', key: 'm', value: utf8(value) }, 'local')
const increment = (network: FakeNetwork, node: FakeNode, by: number): number =>
  network.write(node, { kind: 'increment', key: 'c', by }, 'local')

test('assignments that did not see each other all stay until one that saw them', () => {
  const { network, nodes } = trio()
  const [a, b, c] = nodes
  for (const [node, value] of [
    [b, 'beta'],
    [a, 'alpha'],
    [c, 'alpha'],
  ] as const) {
    assign(network, node, value)
  }
  network.beatFor(3)
  for (const node of nodes) expect(valuesOf(node, 'm')).toEqual(['alpha', 'beta'])
  assign(network, c, 'gamma')
  network.beatFor(3)
  for (const node of nodes) expect(valuesOf(node, 'm')).toEqual(['gamma'])
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
})

test('an assignment that a deletion did not see survives it', () => {
  const { network, nodes } = trio()
  const [a, b] = nodes
  assign(network, a, 'old')
  network.beatFor(2)
  network.write(a, { kind: 'delete', key: 'm' }, 'local')
  assign(network, b, 'new')
  network.beatFor(3)
  for (const node of nodes) expect(valuesOf(node, 'm')).toEqual(['new'])
  network.write(a, { kind: 'delete', key: 'm' }, 'local')
  network.beatFor(2)
  for (const node of nodes) expect(node.replica.get('m')).toBeUndefined()
})

test('increments of all nodes add up, lost and doubled messages or not', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const { network, nodes } = trio(seed)
    const random = seeded(seed)
    let sum = 0n
    network.loss = 0.3
    for (let i = 0; i < 60; i++) {
      const by = Math.floor(random() * 2001) - 1000
      sum += BigInt(by)
      increment(network, nodes[i % 3]!, by)
      if (i % 7 === 0) network.beatFor(1)
    }
    network.loss = 0
    network.beatFor(45)
    for (const node of nodes) expect(countOf(node, 'c')).toBe(sum)
    expect(new Set(nodes.map(rootOf)).size).toBe(1)
  }
})

test('a counter takes every safe integer, is exact beyond them, and says when it is full', () => {
  const { network, nodes } = trio()
  const [a, b] = nodes
  const most = Number.MAX_SAFE_INTEGER
  for (const by of [0.5, Number.NaN, 2 ** 53, -(2 ** 53), Number.POSITIVE_INFINITY]) {
    expect(codeOf(a, increment(network, a, by))).toBe('BAD_AMOUNT')
  }
  for (let i = 0; i < 3; i++) increment(network, a, most)
  increment(network, b, -most)
  network.beatFor(2)
  expect(countOf(b, 'c')).toBe(2n * BigInt(most))
  expect(increment(network, b, 0)).toBeGreaterThan(0)
  let full: string | undefined
  for (let i = 0; i < 1100 && full === undefined; i++) full = codeOf(a, increment(network, a, most))
  expect(full).toBe('COUNTER_FULL')
})

test('a counter is neither deleted nor another kind, and other kinds are no counters', () => {
  const { network, nodes } = trio()
  const [a] = nodes
  increment(network, a, 3)
  assign(network, a, 'x')
  const refused = [
    network.write(a, { kind: 'delete', key: 'c' }, 'local'),
    network.set(a, 'c', 'v', 'local'),
    network.write(a, { kind: 'assign', key: 'c', value: utf8('v') }, 'local'),
    network.write(a, { kind: 'add', key: 'c', element: utf8('v') }, 'local'),
    network.write(a, { kind: 'increment', key: 'm', by: 1 }, 'local'),
  ].map(id => codeOf(a, id))
  expect(refused).toEqual(['COUNTER_STAYS', 'WRONG_KIND', 'WRONG_KIND', 'WRONG_KIND', 'WRONG_KIND'])
  expect(countOf(a, 'c')).toBe(3n)
})

/** A slot in the name of `author` with a signature of nobody's. */
function forgedSlot(value: bigint, ms: number): EntryView {
  const entry = blankEntry()
  entry.kind = entryKind.counter
  entry.ms = entry.tagMs = ms
  entry.sequence = 1
  entry.key = utf8('c')
  entry.keyEnd = 1
  entry.value = slotOf(value)!
  entry.valueEnd = entry.value.length
  entry.signature = new Uint8Array(64).fill(7)
  entry.signatureStart = 0
  return entry
}

function lieTo(network: FakeNetwork, victim: FakeNode, liar: FakeNode, page: Uint8Array): void {
  network.disconnect(victim, liar)
  network.connect(victim, liar)
  const groupClock = victim.replica.groupClock(instant(network.now)) ?? 0
  const bytes = syncAnswerCodec.encode({
    ...{ log: new Uint8Array(16).fill(3), next: 1, isLast: true, floor: 0, marks: [] },
    ...{ groupClock, syncedAt: groupClock, page },
  })
  network.feed(victim, { kind: 'syncAnswered', node: liar.id, bytes })
}

function pageOf(entry: EntryView, author: FakeNode): Uint8Array {
  const writer = new SyncPageWriter()
  writer.add(entry)
  return writer.finish(
    () => identityKey(author.id),
    () => bytesOfDigest(commitKey),
  )
}

test('nobody forges the slot of another, in a page or in a batch', () => {
  const { network, nodes } = trio()
  const [a, b, liar] = nodes
  increment(network, a, 10)
  network.beatFor(2)
  const ms = a.replica.groupClock(instant(network.now)) ?? 0
  lieTo(network, b, liar, pageOf(forgedSlot(1_000_000n, ms), a))
  expect(faultsOf(b)).toEqual(['FORGED_ENTRY'])
  const writer = new BatchWriter()
  writer.add(forgedSlot(5n, ms), 0)
  const bytes = writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
  network.feed(b, { kind: 'batchReceived', author: liar.id, sequence: 1, bytes })
  expect(faultsOf(b)).toEqual(['FORGED_ENTRY', 'FORGED_ENTRY'])
  expect(countOf(b, 'c')).toBe(10n)
})

test('an earlier state of a slot that its author really signed rolls nothing back', () => {
  const { network, nodes } = trio()
  const [a, b, liar] = nodes
  increment(network, a, 1)
  network.beatFor(1)
  const sent = a.effects.filter(
    (effect): effect is ReplicaEffect & { kind: 'publish' } => effect.kind === 'publish',
  )
  increment(network, a, 41)
  network.beatFor(1)
  expect(countOf(b, 'c')).toBe(42n)
  parseBatch(sent.at(-1)!.bytes).forEach(entry => {
    entry.sequence = 1
    lieTo(network, b, liar, pageOf(entry, a))
  })
  expect(faultsOf(b)).toEqual([])
  expect(countOf(b, 'c')).toBe(42n)
  network.beatFor(5)
  expect(nodes.map(node => countOf(node, 'c'))).toEqual([42n, 42n, 42n])
})

test('a counter outlives its author, who comes back as another, and a joiner learns it', () => {
  const { network, nodes } = trio()
  const [a, b] = nodes
  increment(network, a, 7)
  network.beatFor(2)
  network.kill(a)
  const again = network.join()
  network.beatFor(3)
  expect(countOf(again, 'c')).toBe(7n)
  increment(network, again, 1)
  network.beatFor(2)
  expect(countOf(b, 'c')).toBe(8n)
})
