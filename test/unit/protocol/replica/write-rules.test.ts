/** The manifest's write rules, held against every entry on every node. */
import { expect, test } from 'vitest'
import type { WriteRule } from '../../../../src/attestation/manifest.ts'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { instant } from '../../../../src/base/time.ts'
import type { StateRules } from '../../../../src/protocol/replica/types.ts'
import { WriteRules } from '../../../../src/protocol/replica/write-rules.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import { blankEntry, type EntryView, entryKind } from '../../../../src/wire/entry.ts'
import { commitKey, FakeNetwork, type FakeNode, openRules } from '../../../fakes/replica-network.ts'

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valueAt = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const codeOf = (node: FakeNode, id: number): string | undefined => node.outcomes.get(id)?.code

const rule = (prefix: string, change: Partial<WriteRule> = {}): WriteRule => ({
  ...{ prefix, roles: ['member'], valueBytesMax: 65_536, schema: 'bytes' },
  ...change,
})
const rulesOf = (write: readonly WriteRule[]): StateRules => ({ ...openRules, write })

function entryOf(
  key: string,
  value: string | Uint8Array,
  change: Partial<EntryView> = {},
): EntryView {
  const entry = blankEntry()
  entry.key = utf8(key)
  entry.keyEnd = entry.key.length
  entry.value = typeof value === 'string' ? utf8(value) : value
  entry.valueEnd = entry.value.length
  return Object.assign(entry, change)
}

test('the longest prefix governs a key, and a key without a rule is written by nobody', () => {
  const rules = new WriteRules([
    rule('a/', { valueBytesMax: 1 }),
    rule('a/b/', { valueBytesMax: 2 }),
    rule('ä', { valueBytesMax: 3 }),
  ])
  const breachOf = (key: string, value: string) => rules.breachOf(entryOf(key, value))
  expect(breachOf('a/b/c', '12')).toBeUndefined()
  expect(breachOf('a/b/c', '123')).toBe('VALUE_TOO_LARGE')
  expect(breachOf('a/c', '12')).toBe('VALUE_TOO_LARGE')
  expect(breachOf('ä/x', '123')).toBeUndefined()
  for (const key of ['b', 'a', 'A/b/c', ' a/']) expect(breachOf(key, '')).toBe('NO_WRITE_RULE')
  expect(new WriteRules([]).breachOf(entryOf('a', ''))).toBe('NO_WRITE_RULE')
})

test('what only clients may write no member writes or removes', () => {
  const rules = new WriteRules([rule('', { roles: ['client'] })])
  expect(rules.breachOf(entryOf('k', 'v'))).toBe('NOT_FOR_MEMBERS')
  expect(rules.breachOf(entryOf('k', '', { isRemoved: true }))).toBe('NOT_FOR_MEMBERS')
  expect(new WriteRules([rule('', { roles: [] })]).breachOf(entryOf('k', ''))).toBe(
    'NOT_FOR_MEMBERS',
  )
})

test('a schema holds for values and elements; removals pass it, so that what was once allowed can go', () => {
  const json = new WriteRules([rule('', { schema: 'json', valueBytesMax: 8 })])
  const text = new WriteRules([rule('', { schema: 'text' })])
  expect(json.breachOf(entryOf('k', '{"a":1}'))).toBeUndefined()
  for (const bad of ['', '{a:1}', "'x'", '01', '[1,]', 'NaN']) {
    expect(json.breachOf(entryOf('k', bad)), bad).toBe('BAD_VALUE')
  }
  expect(json.breachOf(entryOf('k', Uint8Array.of(0xff)))).toBe('BAD_VALUE')
  expect(text.breachOf(entryOf('k', 'any'))).toBeUndefined()
  expect(text.breachOf(entryOf('k', Uint8Array.of(0xc0, 0x80)))).toBe('BAD_VALUE')
  const element = (bytes: Uint8Array, isRemoved: boolean): EntryView =>
    entryOf('k', '', {
      ...{ kind: entryKind.set, isRemoved, element: bytes, elementEnd: bytes.length },
    })
  expect(text.breachOf(element(Uint8Array.of(0xff), false))).toBe('BAD_VALUE')
  expect(text.breachOf(element(Uint8Array.of(0xff), true))).toBeUndefined()
  expect(json.breachOf(element(new Uint8Array(9), true))).toBeUndefined()
  const slot = entryOf('k', new Uint8Array(8), { kind: entryKind.counter })
  expect(json.breachOf(slot)).toBeUndefined()
  expect(text.breachOf(slot)).toBe('BAD_VALUE')
})

test('a writer is told before anything is applied', () => {
  const write = [
    rule('t/', { schema: 'text' }),
    rule('s/', { valueBytesMax: 4 }),
    rule('c/', { roles: ['client'] }),
  ]
  const network = new FakeNetwork({ seed: 1, replica: { rules: rulesOf(write) } })
  const node = network.found()
  const code = (operation: Parameters<FakeNetwork['write']>[1]): string | undefined =>
    codeOf(node, network.write(node, operation, 'local'))
  expect(code({ kind: 'set', key: 'x', value: utf8('v') })).toBe('NO_WRITE_RULE')
  expect(code({ kind: 'set', key: 'c/x', value: utf8('v') })).toBe('NOT_FOR_MEMBERS')
  expect(code({ kind: 'delete', key: 'c/x' })).toBe('NOT_FOR_MEMBERS')
  expect(code({ kind: 'set', key: 's/x', value: utf8('12345') })).toBe('VALUE_TOO_LARGE')
  expect(code({ kind: 'add', key: 's/x', element: utf8('12345') })).toBe('VALUE_TOO_LARGE')
  expect(code({ kind: 'assign', key: 's/x', value: utf8('12345') })).toBe('VALUE_TOO_LARGE')
  expect(code({ kind: 'increment', key: 's/x', by: 1 })).toBe('VALUE_TOO_LARGE')
  expect(code({ kind: 'increment', key: 't/x', by: 1 })).toBe('BAD_VALUE')
  expect(code({ kind: 'set', key: 't/x', value: Uint8Array.of(0xff) })).toBe('BAD_VALUE')
  expect(node.replica.entryCount).toBe(0)
  expect(code({ kind: 'set', key: 't/x', value: utf8('fine') })).toBeUndefined()
})

test('what a member writes against the rules is held by no honest node, by batch or by sync, and its mark is not acknowledged', () => {
  const closed = rulesOf([rule('open/')])
  const network = new FakeNetwork({ seed: 5, replica: { rules: closed } })
  const [a, b, liar] = [network.found(), network.join(), network.join()]
  network.feed(liar, { kind: 'rulesChanged', rules: openRules })
  network.beatFor(3)
  const forbidden = network.set(liar, 'closed/x', 'v')
  network.set(liar, 'open/x', 'v', 'local')
  network.beatFor(40)
  expect(valueAt(liar, 'closed/x')).toBe('v')
  expect(codeOf(liar, forbidden)).toBe('ACK_TIMEOUT')
  for (const node of [a, b]) {
    expect(valueAt(node, 'closed/x')).toBeUndefined()
    expect(valueAt(node, 'open/x')).toBe('v')
    expect(node.replica.refusedCount).toBeGreaterThan(0)
  }
  expect(rootOf(a)).toBe(rootOf(b))
  const joiner = network.join()
  network.beatFor(40)
  expect(joiner.phase).toBe('active')
  expect(rootOf(joiner)).toBe(rootOf(a))
})

test('a rule that comes later drops what breaks it on every node, whenever each hears of it', () => {
  const network = new FakeNetwork({ seed: 6 })
  const nodes = [network.found(), network.join(), network.join()]
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  network.beatFor(3)
  network.set(a, 'closed/x', 'old')
  network.set(b, 'open/x', 'kept')
  network.beatFor(3)
  const cursor = a.replica.watchCursor
  const strict = rulesOf([rule('open/')])
  network.feed(a, { kind: 'rulesChanged', rules: strict })
  network.beatFor(2)
  // Written by one that has not heard of the rule yet.
  network.set(c, 'closed/y', 'late', 'local')
  network.beatFor(5)
  network.feed(b, { kind: 'rulesChanged', rules: strict })
  network.feed(c, { kind: 'rulesChanged', rules: strict })
  network.beatFor(20)
  for (const node of nodes) {
    expect([valueAt(node, 'closed/x'), valueAt(node, 'closed/y')]).toEqual([undefined, undefined])
    expect(valueAt(node, 'open/x')).toBe('kept')
  }
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
  expect(a.replica.changesAfter({ cursor, prefix: '', limit: 10 })).toBeUndefined()
})

test('what a later rule allows comes to those that refused it before', () => {
  const strict = rulesOf([rule('open/')])
  const network = new FakeNetwork({ seed: 7, replica: { rules: strict } })
  const nodes = [network.found(), network.join(), network.join()]
  const [a, b, c] = nodes as [FakeNode, FakeNode, FakeNode]
  network.beatFor(3)
  network.feed(a, { kind: 'rulesChanged', rules: openRules })
  network.set(a, 'closed/x', 'early', 'local')
  network.beatFor(10)
  expect(valueAt(b, 'closed/x')).toBeUndefined()
  network.feed(b, { kind: 'rulesChanged', rules: openRules })
  network.feed(c, { kind: 'rulesChanged', rules: openRules })
  network.beatFor(40)
  expect(nodes.map(node => valueAt(node, 'closed/x'))).toEqual(['early', 'early', 'early'])
  expect(new Set(nodes.map(rootOf)).size).toBe(1)
})

test('a prefix that becomes public moves to the public trie as if it had always been there', () => {
  const network = new FakeNetwork({ seed: 8 })
  const fresh = new FakeNetwork({
    ...{ seed: 8, replica: { rules: { ...openRules, publicPrefixes: ['shown/'] } } },
  })
  const roots = [network, fresh].map(each => {
    const node = each.found()
    each.set(node, 'public/x', '1', 'local')
    each.set(node, 'shown/x', '2', 'local')
    each.write(node, { kind: 'add', key: 'shown/s', element: utf8('e') }, 'local')
    node.replica.roots()
    const rules = { ...openRules, publicPrefixes: ['shown/'] }
    each.feed(node, { kind: 'rulesChanged', rules })
    return node.replica.roots()
  })
  expect(roots[0]).toBeDefined()
  expect(roots[0]).toEqual(roots[1])
})

test('an entry held for its time is judged by the rules of the time when it is merged', () => {
  const network = new FakeNetwork({ seed: 9 })
  const [a, b] = [network.found(), network.join()]
  network.beatFor(3)
  const ms = (a.replica.groupClock(instant(network.now)) ?? 0) + 35_000
  const entry = entryOf('closed/x', 'v', { ms, tagMs: ms })
  const writer = new BatchWriter()
  writer.add(entry, 0)
  const bytes = writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
  network.feed(a, { kind: 'batchReceived', author: b.id, sequence: 1, bytes })
  expect(a.replica.heldCount).toBe(1)
  network.feed(a, { kind: 'rulesChanged', rules: rulesOf([rule('open/')]) })
  network.run(20_000)
  expect(a.replica.heldCount).toBe(0)
  expect(valueAt(a, 'closed/x')).toBeUndefined()
})
