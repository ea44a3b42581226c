/** What one platform instance may fill, whatever it tries; and that all who are flooded agree in the end. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { type Instant, instant } from '../../../../src/base/time.ts'
import type { StateRules } from '../../../../src/protocol/replica/types.ts'
import { BatchWriter } from '../../../../src/wire/batch.ts'
import { blankEntry, type EntryView } from '../../../../src/wire/entry.ts'
import {
  commitKey,
  FakeNetwork,
  type FakeNode,
  openRules,
  seeded,
} from '../../../fakes/replica-network.ts'

const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valueAt = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const codeOf = (node: FakeNode, id: number): string | undefined => node.outcomes.get(id)?.code
const heldUnder = (node: FakeNode, prefix: string): string[] =>
  node.replica.list({ prefix, after: undefined, limit: 10_000 }).map(entry => entry.key)

const withQuota = (entries: number, bytes = 2 ** 30): StateRules => ({
  ...openRules,
  quota: { instance: { entries, bytes }, departed: { entries: 10_000, bytes: 2 ** 30 } },
})

function written(key: string, ms: number, value = 'v'): EntryView {
  const entry = blankEntry()
  entry.ms = entry.tagMs = ms
  entry.key = utf8(key)
  entry.keyEnd = entry.key.length
  entry.value = utf8(value)
  entry.valueEnd = entry.value.length
  return entry
}

function batchOf(entries: readonly EntryView[]): Uint8Array {
  const writer = new BatchWriter()
  for (const [i, entry] of entries.entries()) writer.add(Object.assign(entry, { counter: i }), 0)
  return writer.finish(bytesOfDigest(commitKey), () => new Uint8Array(32))
}

/** Two honest nodes and a third that floods; it has left the replica's ways, so its own node is killed. */
function siege(seed: number, rules: StateRules, instanceOf = String as (index: number) => string) {
  const network = new FakeNetwork({ seed, instanceOf, replica: { rules } })
  const [a, b, hostile] = [network.found(), network.join(), network.join()]
  network.beatFor(3)
  let sequence = 0
  const flood = (to: FakeNode, entries: readonly EntryView[]): void =>
    network.feed(to, {
      ...{ kind: 'batchReceived', author: hostile.id, sequence: ++sequence },
      bytes: batchOf(entries),
    })
  const time = (): number => a.replica.groupClock(instant(network.now)) ?? 0
  return { network, a, b, hostile, flood, time }
}

test('a flood fills its own share and nothing else, whatever order each member is sent it in', () => {
  for (let seed = 1; seed <= 12; seed++) {
    const bytes = seed % 2 === 0 ? 2 ** 30 : 6_000
    const { network, a, b, flood, time } = siege(seed, withQuota(50, bytes))
    const random = seeded(seed)
    for (let i = 0; i < 20; i++) network.set(i % 2 === 0 ? a : b, `honest/${i}`, `value ${i}`)
    network.beatFor(2)
    const keys = Array.from({ length: 160 }, (_, i) => `flood/${String(i).padStart(3, '0')}`)
    for (const victim of [a, b]) {
      const order = [...keys].sort(() => random() - 0.5).slice(0, 130)
      for (let at = 0; at < order.length; at += 10) {
        const value = 'x'.repeat(Math.floor(random() * 60))
        flood(
          victim,
          order.slice(at, at + 10).map(key => written(key, time(), value)),
        )
        if (random() < 0.3) network.beatFor(1)
      }
    }
    network.beatFor(90)
    expect(rootOf(a), `seed ${seed}`).toBe(rootOf(b))
    for (const node of [a, b]) {
      expect(heldUnder(node, 'honest/').length).toBe(20)
      expect(heldUnder(node, 'flood/').length).toBeLessThanOrEqual(50)
      expect(heldUnder(node, 'flood/').length).toBeGreaterThan(20)
    }
  }
})

test('cells first in the order of their names stay, though they came last', () => {
  const { network, a, flood, time } = siege(3, withQuota(10))
  for (let i = 30; i > 0; i--) flood(a, [written(`flood/${String(i).padStart(2, '0')}`, time())])
  network.beatFor(1)
  const expected = Array.from({ length: 10 }, (_, i) => `flood/${String(i + 1).padStart(2, '0')}`)
  expect(heldUnder(a, 'flood/')).toEqual(expected)
})

test('what finds no room does not take the place of what another wrote', () => {
  const { network, a, b, flood, time } = siege(4, withQuota(10))
  network.set(b, 'zoo', 'honest')
  network.beatFor(2)
  flood(
    a,
    Array.from({ length: 10 }, (_, i) => written(`flood/${i}`, time())),
  )
  flood(a, [written('zoo', time() + 1000, 'hostile')])
  expect(valueAt(a, 'zoo')).toBe('honest')
  expect(a.replica.refusedCount).toBeGreaterThan(0)
})

test('new identities of one instance share what the first was given, also when it has departed', () => {
  const rules = withQuota(40)
  const instanceOf = (index: number): string => (index >= 2 ? 'one machine' : `i${index}`)
  const network = new FakeNetwork({ seed: 5, instanceOf, replica: { rules } })
  const [a, b] = [network.found(), network.join()]
  network.beatFor(3)
  for (let life = 0; life < 6; life++) {
    const node = network.join()
    network.beatFor(3)
    const entries = Array.from({ length: 15 }, (_, i) =>
      written(
        `flood/${life}/${String(i).padStart(2, '0')}`,
        a.replica.groupClock(network.now as Instant) ?? 0,
      ),
    )
    for (const victim of [a, b]) {
      network.feed(victim, {
        ...{ kind: 'batchReceived', author: node.id, sequence: 1, bytes: batchOf(entries) },
      })
    }
    network.kill(node)
    network.beatFor(2)
  }
  network.beatFor(60)
  expect(heldUnder(a, 'flood/').length).toBe(40)
  expect(rootOf(a)).toBe(rootOf(b))
})

test('an honest writer is told before its machine is full, may overwrite and remove, and stops nobody else', () => {
  const rules = withQuota(100)
  const instanceOf = (index: number): string => (index === 1 || index === 2 ? 'm' : `i${index}`)
  const network = new FakeNetwork({ seed: 6, instanceOf, replica: { rules } })
  const [a, first, second] = [network.found(), network.join(), network.join()]
  network.beatFor(3)
  const codes = Array.from({ length: 100 }, (_, i) =>
    codeOf(first, network.set(first, `k/${i}`, 'v', 'local')),
  )
  expect(codes.filter(code => code === undefined).length).toBe(90)
  expect(new Set(codes.slice(90))).toEqual(new Set(['QUOTA_FULL']))
  network.beatFor(3)
  network.kill(first)
  network.beatFor(1)
  expect(codeOf(second, network.set(second, 'k/new', 'v', 'local'))).toBe('QUOTA_FULL')
  expect(codeOf(second, network.set(second, 'k/1', 'w', 'local'))).toBeUndefined()
  const removal = network.write(second, { kind: 'delete', key: 'k/2' }, 'local')
  expect(codeOf(second, removal)).toBeUndefined()
  network.beatFor(3)
  expect(heldUnder(a, 'k/').length).toBe(89)
  expect(codeOf(a, network.set(a, 'other', 'v', 'local'))).toBeUndefined()
})

test('a lower limit makes room at once, the same on every node', () => {
  const network = new FakeNetwork({ seed: 7, replica: { rules: withQuota(100) } })
  const nodes = [network.found(), network.join()]
  const [a, b] = nodes as [FakeNode, FakeNode]
  network.beatFor(3)
  for (let i = 0; i < 30; i++) network.set(a, `k/${String(i).padStart(2, '0')}`, 'v', 'local')
  network.beatFor(3)
  for (const node of nodes) network.feed(node, { kind: 'rulesChanged', rules: withQuota(12) })
  network.beatFor(3)
  expect(heldUnder(a, 'k/').length).toBe(12)
  expect(rootOf(a)).toBe(rootOf(b))
})
