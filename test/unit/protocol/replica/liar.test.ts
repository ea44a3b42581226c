/** What one broken member achieves against the state of the others: a delay, never a loss. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import type { Instant } from '../../../../src/base/time.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import { ackCodec } from '../../../../src/wire/ack.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { SyncPageWriter, syncAnswerCodec, syncRequestCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valueAt = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const faultsOf = (nodes: readonly FakeNode[]): string[] =>
  nodes.flatMap(({ effects }) => effects.flatMap(e => (e.kind === 'peerFault' ? [e.code] : [])))

/** Two honest members and a liar. */
function group(): {
  network: FakeNetwork
  a: FakeNode
  b: FakeNode
  liar: FakeNode
  time: () => number
} {
  const network = new FakeNetwork({ seed: 11 })
  const a = network.found()
  const [b, liar] = [network.join(), network.join()]
  network.beatFor(4)
  const time = (): number => a.replica.groupClock(network.now as Instant) ?? 0
  return { network, a, b, liar, time }
}

function forged(key: string, value: string, ms: number, sequence = 1): EntryView {
  const entry = blankEntry()
  entry.kind = entryKind.register
  entry.ms = entry.tagMs = ms
  entry.sequence = sequence
  entry.key = utf8(key)
  entry.keyEnd = entry.key.length
  entry.value = utf8(value)
  entry.valueEnd = entry.value.length
  return entry
}

function batchOf(entry: EntryView): Uint8Array {
  const writer = new BatchWriter()
  writer.add(entry, 0)
  return writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
}

/** The liar's answer to a pull of `victim`: entries in the name of `author`, marks as it pleases. */
function lieTo(
  world: { readonly network: FakeNetwork; readonly liar: FakeNode; readonly time: () => number },
  victim: FakeNode,
  lie: { author: FakeNode; entries?: readonly EntryView[]; mark?: number },
): void {
  const { network, liar, time } = world
  const writer = new SyncPageWriter()
  for (const entry of lie.entries ?? []) writer.add(entry)
  network.disconnect(victim, liar)
  network.connect(victim, liar)
  const bytes = syncAnswerCodec.encode({
    ...{ log: new Uint8Array(16).fill(3), next: 1, isLast: true, floor: 0 },
    ...{ groupClock: time(), syncedAt: time() },
    marks: lie.mark === undefined ? [] : [{ author: identityKey(lie.author.id), mark: lie.mark }],
    page: writer.finish(
      () => identityKey(lie.author.id),
      () => bytesOfDigest(commitKey),
    ),
  })
  network.feed(victim, { kind: 'syncAnswered', node: liar.id, bytes })
}

test('what a third member claims to have merged is never acknowledged to its author', () => {
  const world = group()
  const { network, a, b } = world
  network.set(a, 'first', '1')
  network.run(500)
  network.loss = 1
  network.set(a, 'lost', '2', 'local')
  network.run(200)
  network.loss = 0
  const told = b.effects.length
  lieTo(world, b, { author: a, mark: a.replica.sequence })
  network.run(50)
  const marks = b.effects
    .slice(told)
    .flatMap(e => (e.kind === 'tellAck' && e.to === a.id ? [ackCodec.decode(e.bytes).mark] : []))
  expect(valueAt(b, 'lost')).toBeUndefined()
  expect(Math.max(0, ...marks)).toBeLessThan(a.replica.sequence)
  network.beatFor(45)
  expect(valueAt(b, 'lost')).toBe('2')
})

test('a claim beyond what an author ever wrote neither hides its writes nor sets it against the deceived', () => {
  const world = group()
  const { network, a, b, liar } = world
  lieTo(world, b, { author: a, mark: 4_000_000_000 })
  const write = network.set(a, 'hidden', 'seen', 2)
  network.beatFor(10)
  expect(valueAt(b, 'hidden')).toBe('seen')
  expect(a.outcomes.get(write)?.kind).toBe('written')
  expect(faultsOf([a, b])).toEqual([])
  expect(liar.isAlive).toBe(true)
})

test('an entry in the name of the node that pulls it does not spoil the batches of that node', () => {
  const world = group()
  const { network, a, b, time } = world
  for (const key of ['k1', 'k2', 'k3']) network.set(a, key, 'mine', 'local')
  lieTo(world, a, { author: a, entries: [forged('k2', 'forged', time() + 20_000)] })
  network.beatFor(40)
  expect(faultsOf([b])).toEqual([])
  expect(rootOf(b)).toBe(rootOf(a))
  expect(valueAt(b, 'k3')).toBe('mine')
})

test('two batches of one number, each shown to another member, end as one state', () => {
  const { network, a, b, liar, time } = group()
  const ms = time()
  network.kill(liar)
  const send = (to: FakeNode, key: string): void =>
    network.feed(to, {
      ...{ kind: 'batchReceived', author: liar.id, sequence: 1 },
      bytes: batchOf(forged(key, 'told to one', ms)),
    })
  send(a, 'for-a')
  send(b, 'for-b')
  expect(rootOf(a)).not.toBe(rootOf(b))
  network.beatFor(60)
  expect(rootOf(a)).toBe(rootOf(b))
  expect([valueAt(b, 'for-a'), valueAt(a, 'for-b')]).toEqual(['told to one', 'told to one'])
})

test('a batch numbered beyond what a boot can count is a fault of its author', () => {
  const { network, a, liar, time } = group()
  const bytes = batchOf(forged('k', 'v', time()))
  network.feed(a, { kind: 'batchReceived', author: liar.id, sequence: 2 ** 32, bytes })
  expect(faultsOf([a])).toEqual(['BAD_BATCH'])
  expect(valueAt(a, 'k')).toBeUndefined()
})

test('a beat with a time that is none does not make a joiner have everything sent twice', () => {
  const { network, a } = group()
  network.set(a, 'k', 'v')
  network.run(500)
  const joiner = network.join()
  const lie = { kind: 'beat', node: a.id, root: null, groupClock: 2 ** 50 } as const
  network.feed(joiner, lie)
  network.beatFor(4)
  const requests = joiner.effects.flatMap(e =>
    e.kind === 'askSync' ? [syncRequestCodec.decode(e.bytes).marks.length] : [],
  )
  // None at all asks for a whole listing; its own mark is always among them.
  expect(requests.slice(0, 2).map(count => count > 0)).toEqual([true, true])
})
