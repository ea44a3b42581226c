import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { type Instant, milliseconds } from '../../../../src/base/time.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import { ackCodec } from '../../../../src/wire/ack.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import type { EntryView } from '../../../../src/wire/entry.ts'
import { syncAnswerCodec, syncRequestCodec } from '../../../../src/wire/sync.ts'
import { answerOf, forge } from '../../../fakes/forged-entries.ts'
import { commitKey, FakeNetwork, type FakeNode, openRules } from '../../../fakes/replica-network.ts'

const hour = 3_600_000

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

function group(count: number, options = {}): { network: FakeNetwork; nodes: FakeNode[] } {
  const network = new FakeNetwork({ seed: 7, ...options })
  network.found()
  for (let i = 1; i < count; i++) network.join()
  network.beatFor(4)
  return { network, nodes: network.nodes }
}

function batchOf(...entries: EntryView[]): Uint8Array {
  const writer = new BatchWriter()
  for (const entry of entries) writer.add(entry, 0)
  return writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
}

const faultsOf = (node: FakeNode): string[] =>
  node.effects.flatMap(effect => (effect.kind === 'peerFault' ? [effect.code] : []))

test('a stamp from the future is merged neither by gossip nor by sync until its time comes', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const before = rootOf(a)
  const now = a.replica.groupClock(network.now as Instant) ?? 0
  const early = forge({ key: 'early', ms: now + 60_000 })
  network.feed(a, { kind: 'batchReceived', author: b.id, sequence: 1, bytes: batchOf(early) })
  expect([registerOf(a, 'early'), a.replica.heldCount, rootOf(a)]).toEqual([undefined, 1, before])
  expect(a.effects.filter(e => e.kind === 'tellAck')).toEqual([])
  network.run(25_000)
  expect(registerOf(a, 'early')).toBeUndefined()
  network.run(10_000)
  expect([registerOf(a, 'early'), a.replica.heldCount]).toEqual(['forged', 0])
  expect(a.effects.filter(e => e.kind === 'tellAck').length).toBe(1)

  network.disconnect(a, b)
  const later = forge({ key: 'later', ms: now + 200_000 })
  const completed = a.effects.filter(e => e.kind === 'fullSyncCompleted').length
  network.connect(a, b)
  network.feed(a, { kind: 'syncAnswered', node: b.id, bytes: answerOf(b, [later], b) })
  expect([registerOf(a, 'later'), a.replica.heldCount]).toEqual([undefined, 1])
  expect(a.effects.filter(e => e.kind === 'fullSyncCompleted').length).toBe(completed)
})

test('a stamp that waits for its time is merged as soon as a manifest allows it, and one that a manifest allows no more waits', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const now = a.replica.groupClock(network.now as Instant) ?? 0
  const batch = (sequence: number, key: string): void => {
    const bytes = batchOf(forge({ key, ms: now + 60_000 }))
    network.feed(a, { kind: 'batchReceived', author: b.id, sequence, bytes })
  }
  const drift = (span: number): void => {
    const rules = { ...openRules, maxDrift: milliseconds(span) }
    network.feed(a, { kind: 'rulesChanged', rules })
  }
  batch(1, 'first')
  expect([registerOf(a, 'first'), a.replica.heldCount]).toEqual([undefined, 1])
  drift(90_000)
  expect([registerOf(a, 'first'), a.replica.heldCount]).toEqual(['forged', 0])
  drift(30_000)
  // What is merged stays: another node that has it would bring it back at once.
  expect(registerOf(a, 'first')).toBe('forged')
  batch(2, 'second')
  expect([registerOf(a, 'second'), a.replica.heldCount]).toEqual([undefined, 1])
  network.run(35_000)
  expect(registerOf(a, 'second')).toBe('forged')
})

test('a flood of stamps from the future is bounded', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const now = a.replica.groupClock(network.now as Instant) ?? 0
  for (let i = 0; i < 5; i++) {
    const entries = Array.from({ length: 1000 }, (_, n) =>
      forge({ key: `f${i}/${n}`, ms: now + 10 ** 9 + n }),
    )
    const bytes = batchOf(...entries)
    network.feed(a, { kind: 'batchReceived', author: b.id, sequence: i + 1, bytes })
  }
  expect(a.replica.heldCount).toBe(1024)
})

test('of equal stamps with different values the same one wins everywhere', () => {
  const { network, nodes } = group(3)
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  const ms = a.replica.groupClock(network.now as Instant) ?? 0
  const twins = ['x', 'y'].map(value => batchOf(forge({ key: 'k', value, ms })))
  const deliver = (to: FakeNode, order: number[]): void => {
    for (const [i, twin] of order.entries()) {
      const bytes = twins[twin] ?? new Uint8Array(0)
      network.feed(to, { kind: 'batchReceived', author: c.id, sequence: i + 1, bytes })
    }
  }
  deliver(a, [0, 1])
  deliver(b, [1, 0])
  expect(registerOf(a, 'k')).toBeDefined()
  expect(registerOf(a, 'k')).toBe(registerOf(b, 'k'))
  expect(rootOf(a)).toBe(rootOf(b))
})

test('keys under own/ carry their author signature through sync', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const key = `own/${a.id}/x`
  network.set(a, key, 'mine')
  network.write(a, { kind: 'add', key: `own/${a.id}/set`, element: utf8('e') })
  network.run(500)
  network.kill(a)
  // The third learns it from the second alone.
  const c = network.join()
  network.beatFor(3)
  expect(registerOf(c, key)).toBe('mine')
  expect(rootOf(c)).toBe(rootOf(b))
  expect(faultsOf(c)).toEqual([])
})

test('a forged entry under own/ is refused with all that came with it', () => {
  const { network, nodes } = group(3)
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  const ms = a.replica.groupClock(network.now as Instant) ?? 0
  const before = rootOf(a)
  const entries = [forge({ key: 'fine', ms }), forge({ key: `own/${b.id}/x`, ms: ms + 1 })]
  network.feed(a, { kind: 'batchReceived', author: c.id, sequence: 1, bytes: batchOf(...entries) })
  network.feed(a, { kind: 'batchReceived', author: b.id, sequence: 1, bytes: batchOf(...entries) })
  network.disconnect(a, b)
  network.connect(a, b)
  network.feed(a, { kind: 'syncAnswered', node: b.id, bytes: answerOf(b, entries, b) })
  expect(faultsOf(a)).toEqual(['FORGED_ENTRY', 'FORGED_ENTRY', 'FORGED_ENTRY'])
  expect(registerOf(a, 'fine')).toBeUndefined()
  expect(rootOf(a)).toBe(before)
})

test('a page that does not parse, leads nowhere or lies harms nothing and the next sync works', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  network.set(b, 'k', 'v', 'local')
  const good = answerOf(b, [], b)
  const stuck = syncAnswerCodec.encode({
    ...syncAnswerCodec.decode(good),
    isLast: false,
    next: 0,
    marks: [],
  })
  for (const bytes of [new Uint8Array(3), good.slice(0, 50), utf8('x'.repeat(5000))]) {
    network.disconnect(a, b)
    network.connect(a, b)
    network.feed(a, { kind: 'syncAnswered', node: b.id, bytes })
  }
  network.disconnect(a, b)
  network.connect(a, b)
  network.feed(a, { kind: 'syncAnswered', node: b.id, bytes: stuck })
  network.feed(a, { kind: 'syncAnswered', node: b.id, bytes: stuck })
  expect(faultsOf(a).length).toBe(4)
  expect(faultsOf(a)).toContain('SYNC_STUCK')
  // Nobody asked: no effect at all.
  network.feed(b, { kind: 'syncAnswered', node: a.id, bytes: good })
  network.beatFor(10)
  expect(registerOf(a, 'k')).toBe('v')
  expect(rootOf(a)).toBe(rootOf(b))
})

test('a gap is not acknowledged until a sync closes it', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  network.set(b, 'first', '1', 'local')
  network.run(500)
  network.loss = 1
  network.set(b, 'lost', '2', 'local')
  network.run(500)
  network.loss = 0
  const told = a.effects.filter(e => e.kind === 'tellAck').length
  const id = network.set(b, 'third', '3')
  const marks = (): number[] =>
    a.effects.flatMap(e => (e.kind === 'tellAck' ? [ackCodec.decode(e.bytes).mark] : []))
  while (registerOf(a, 'third') === undefined) network.run(1)
  expect(b.outcomes.get(id)).toBeUndefined()
  expect(
    marks()
      .slice(told)
      .filter(mark => mark > 1),
  ).toEqual([])
  network.run(3000)
  expect(registerOf(a, 'lost')).toBe('2')
  expect(marks().at(-1)).toBe(3)
  expect(b.outcomes.get(id)?.kind).toBe('written')
})

test('an acknowledgement of what was never sent, or of another, counts for nothing', () => {
  const { network, nodes } = group(3)
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  network.loss = 1
  const id = network.set(a, 'k', 'v')
  const frames = [
    ackCodec.encode({ author: identityKey(a.id), mark: 2 }),
    ackCodec.encode({ author: identityKey(c.id), mark: 1 }),
    utf8('nonsense'),
  ]
  for (const bytes of frames) network.feed(a, { kind: 'ackReceived', from: b.id, bytes })
  expect(faultsOf(a).length).toBe(3)
  expect(a.outcomes.get(id)).toBeUndefined()
  const bytes = ackCodec.encode({ author: identityKey(a.id), mark: 1 })
  network.feed(a, { kind: 'ackReceived', from: b.id, bytes })
  expect(a.outcomes.get(id)?.kind).toBe('written')
})

test('a second sync carries what changed, not what was there', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const value = 'v'.repeat(32)
  for (let i = 0; i < 3000; i++) network.set(a, `k${i}`, value, 'local')
  network.beatFor(2)
  const c = network.join()
  network.beatFor(5)
  expect(rootOf(c)).toBe(rootOf(a))
  const cold = network.syncBytes
  expect(cold).toBeGreaterThan(3000 * 40)
  for (const node of [a, b]) network.disconnect(c, node)
  for (let i = 0; i < 10; i++) network.set(a, `k${i}`, `${value}!`, 'local')
  network.beatFor(2)
  const before = network.syncBytes
  for (const node of [a, b]) network.connect(c, node)
  network.beatFor(3)
  expect(rootOf(c)).toBe(rootOf(a))
  // Ten entries of some 60 bytes from the one asked first; the other has the marks to know better.
  expect(network.syncBytes - before).toBeLessThan(4000)
})

test('a third member sends nothing that another has brought already', () => {
  const { network, nodes } = group(2)
  for (let i = 0; i < 3000; i++) network.set(nodes[0]!, `k${i}`, 'v'.repeat(32), 'local')
  network.beatFor(2)
  const c = network.join()
  network.beatFor(5)
  const once = network.syncBytes
  // One snapshot for the first joiner, though it met two members.
  expect(once).toBeGreaterThan(3000 * 40)
  expect(once).toBeLessThan(3000 * 80)
  const d = network.join()
  network.beatFor(10)
  expect([rootOf(c), rootOf(d)]).toEqual([rootOf(nodes[0]!), rootOf(nodes[0]!)])
  expect(network.syncBytes - once).toBeLessThan(1.1 * once)
})

test('what a cursor passed before it was in a batch comes again once it is', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  network.loss = 1
  // The first is on its way, so the second waits in the outbox while the other side pulls.
  network.set(a, 'first', '1', 'local')
  network.set(a, 'second', '2', 'local')
  network.disconnect(a, b)
  network.feed(a, { kind: 'connected', node: b.id })
  a.connected.add(b)
  b.connected.add(a)
  network.feed(b, { kind: 'connected', node: a.id })
  const ask = b.effects.findLast(effect => effect.kind === 'askSync')
  if (ask?.kind !== 'askSync') return expect.unreachable('a new connection is asked')
  network.feed(a, { kind: 'syncAsked', id: 1, from: b.id, bytes: ask.bytes })
  const answer = a.effects.findLast(effect => effect.kind === 'answer')
  if (answer?.kind !== 'answer') return expect.unreachable('an active member answers')
  network.feed(b, { kind: 'syncAnswered', node: a.id, bytes: answer.bytes })
  expect([registerOf(b, 'first'), registerOf(b, 'second')]).toEqual(['1', undefined])
  network.run(10)
  network.loss = 0
  network.beatFor(5)
  expect(registerOf(b, 'second')).toBe('2')
})

test('a cold snapshot comes in bounded pages', () => {
  const { network, nodes } = group(1)
  for (let i = 0; i < 10_000; i++) network.set(nodes[0]!, `key/${i}`, 'v'.repeat(64), 'local')
  const joiner = network.join()
  network.beatFor(3)
  expect(joiner.replica.entryCount).toBe(10_000)
  expect(rootOf(joiner)).toBe(rootOf(nodes[0]!))
  const pages = nodes[0]!.effects.flatMap(e => (e.kind === 'answer' ? [e.bytes.length] : []))
  expect(pages.length).toBeGreaterThan(4)
  expect(Math.max(...pages)).toBeLessThanOrEqual(200 * 1024)
})

test('a request that is no request is refused and blamed', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  network.feed(a, { kind: 'syncAsked', id: 99, from: b.id, bytes: utf8('nonsense') })
  expect(a.effects).toContainEqual({ kind: 'refuse', id: 99, code: 'BAD_REQUEST' })
  const bytes = syncRequestCodec.encode({ log: null, cursor: 2 ** 50, marks: [] })
  network.feed(a, { kind: 'syncAsked', id: 100, from: b.id, bytes })
  expect(a.effects.some(e => e.kind === 'answer' && e.id === 100)).toBe(true)
})

test('an entry under a commit key that is not held is merged and the key called for', () => {
  const { network, nodes } = group(2)
  const [a, b] = nodes as [FakeNode, FakeNode]
  const salt = b.commitSalts.get(commitKey)
  b.commitSalts.delete(commitKey)
  const c = network.join()
  c.commitSalts.delete(commitKey)
  network.set(a, 'k', 'v')
  network.beatFor(2)
  expect(registerOf(c, 'k')).toBe('v')
  expect(c.replica.roots()).toBeUndefined()
  const calls = c.effects.filter(e => e.kind === 'needCommitKey')
  expect(calls.length).toBe(1)
  if (salt !== undefined) c.commitSalts.set(commitKey, salt)
  network.feed(c, { kind: 'commitKeyLearned', id: commitKey })
  expect(rootOf(c)).toBe(rootOf(a))
})

test('a liar about the time changes nobody else', () => {
  const { network, nodes } = group(5)
  nodes[4]!.clockLie = 10 * 365 * 24 * hour
  network.beatFor(60)
  const clocks = nodes.map(node => node.replica.groupClock(network.now as Instant) ?? 0)
  expect(Math.max(...clocks) - Math.min(...clocks)).toBeLessThan(200)
  expect(faultsOf(nodes[0]!)).toEqual([])
})
