/** What nodes say of themselves under own/, and what is left of it when they are gone. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { type Instant, minutes } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { EntryMap } from '../../../../src/protocol/replica/lattice.ts'
import { pruneBelow } from '../../../../src/protocol/replica/prune.ts'
import { blankEntry, entryKind } from '../../../../src/wire/entry.ts'
import { syncAnswerCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const hour = 3_600_000

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

function group(count: number): { network: FakeNetwork; nodes: FakeNode[] } {
  const network = new FakeNetwork({ seed: 11, replica: { syncInterval: minutes(10) } })
  network.found()
  for (let i = 1; i < count; i++) network.join()
  network.beatFor(4)
  return { network, nodes: network.nodes }
}

function pass(network: FakeNetwork, hours: number): void {
  for (let i = 0; i < hours; i++) {
    network.run(hour)
    network.beatFor(2)
  }
}

test('what the departed said of themselves goes within 26 hours, and what the living said stays', () => {
  const { network, nodes } = group(3)
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  network.set(a, `own/${a.id}/address`, 'here')
  network.write(a, { kind: 'add', key: `own/${a.id}/set`, element: utf8('e') })
  network.write(a, { kind: 'assign', key: `own/${a.id}/multi`, value: utf8('m') })
  network.write(a, { kind: 'increment', key: `own/${a.id}/count`, by: 5 })
  network.set(c, `own/${c.id}/address`, 'gone soon')
  network.set(c, 'shared', 'of c')
  network.beatFor(3)
  network.kill(c)
  pass(network, 80)
  for (const node of [a, b]) {
    expect(registerOf(node, `own/${c.id}/address`)).toBeUndefined()
    expect(registerOf(node, 'shared')).toBe('of c')
    expect(registerOf(node, `own/${a.id}/address`)).toBe('here')
    expect(node.replica.get(`own/${a.id}/set`)).toMatchObject({ elements: [utf8('e')] })
    expect(node.replica.get(`own/${a.id}/multi`)).toMatchObject({ values: [utf8('m')] })
    expect(node.replica.get(`own/${a.id}/count`)).toMatchObject({ value: 5n })
    expect(node.replica.entryCount).toBe(5)
  }
  expect(rootOf(a)).toBe(rootOf(b))
})

test('who was cut off for two days brings back what it said, and not what the departed said', () => {
  const { network, nodes } = group(4)
  const [a, b, c, d] = nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  for (const node of nodes) network.set(node, `own/${node.id}/x`, 'said')
  network.beatFor(3)
  for (const left of [a, b]) for (const right of [c, d]) network.disconnect(left, right)
  network.kill(d)
  pass(network, 50)
  expect(registerOf(a, `own/${c.id}/x`)).toBeUndefined()
  for (const left of [a, b]) network.connect(left, c)
  network.beatFor(30)
  for (const node of [a, b, c]) {
    for (const said of [a, b, c]) expect(registerOf(node, `own/${said.id}/x`)).toBe('said')
    expect(registerOf(node, `own/${d.id}/x`)).toBeUndefined()
  }
  expect(new Set([a, b, c].map(rootOf)).size).toBe(1)
})

test('a member that hands on what a departed node said two days ago brings nothing back', () => {
  const { network, nodes } = group(3)
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  network.set(c, `own/${c.id}/x`, 'said')
  network.beatFor(3)
  const page = b.replica.cachePage(0)
  network.kill(c)
  pass(network, 50)
  const joiner = network.join(page === undefined ? [] : [page.bytes])
  network.beatFor(30)
  for (const node of [a, b, joiner]) expect(registerOf(node, `own/${c.id}/x`)).toBeUndefined()
  expect(new Set([a, b, joiner].map(rootOf)).size).toBe(1)
  // Nobody who never heard of its author takes it either.
  const later = new FakeNetwork({ seed: 12, wall: Date.UTC(2026, 10, 5) })
  const [liar, victim] = [later.found(), later.join()]
  later.beatFor(4)
  later.disconnect(victim, liar)
  later.connect(victim, liar)
  const time = liar.replica.groupClock(later.now as Instant) ?? 0
  const bytes = syncAnswerCodec.encode({
    ...{ log: new Uint8Array(16), next: 1, isLast: true, marks: [], floor: 0 },
    ...{ groupClock: time, syncedAt: time, page: page?.bytes ?? new Uint8Array() },
  })
  later.feed(victim, { kind: 'syncAnswered', node: liar.id, bytes })
  expect(victim.effects.filter(({ kind }) => kind === 'peerFault')).toEqual([])
  expect(registerOf(victim, `own/${c.id}/x`)).toBeUndefined()
})

test('ten thousand lives that each said something of themselves leave nothing', () => {
  const self = nodeIdOfKey(sha256(utf8('self')))
  const map = new EntryMap({
    self,
    seed: new Uint8Array(8),
    isPublic: () => false,
    listeners: () => [],
  })
  const say = (author: NodeId, ms: number): void => {
    const key = utf8(`own/${author}/x`)
    const index = map.authors.indexOf(author)
    const entry = Object.assign(blankEntry(), {
      ...{ kind: entryKind.register, key, keyEnd: key.length, value: key, valueEnd: 1, ms },
      ...{ author: index, tagAuthor: index, signature: new Uint8Array(64), signatureStart: 0 },
      ...{ tagMs: ms, commitKey: map.commitKeys.indexOf(commitKey) },
    })
    map.join(entry)
  }
  say(self, 1)
  for (let i = 0; i < 10_000; i++) say(nodeIdOfKey(sha256(utf8(`life ${i}`))), 1000 + i)
  expect(map.entryCount).toBe(10_001)
  pruneBelow(map, 10_500)
  // This node's own words are its to renew; of the lives, the last 500 are young.
  expect(map.entryCount).toBe(1 + 500)
  pruneBelow(map, 20_000)
  expect(map.entryCount).toBe(1)
  expect([...map.authors.indexes()]).toHaveLength(1)
})
