/** What a liar achieves that fills a machine's share with entries in the name of its node: refusals, no loss of what was signed. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import type { Instant } from '../../../../src/base/time.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import type { StateRules } from '../../../../src/protocol/replica/types.ts'
import { blankEntry } from '../../../../src/wire/entry.ts'
import { SyncPageWriter, syncAnswerCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode, openRules } from '../../../fakes/replica-network.ts'

const rules: StateRules = {
  ...openRules,
  quota: {
    instance: { entries: 50, bytes: 2 ** 30 },
    departed: { entries: 1_000, bytes: 2 ** 30 },
  },
}
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valueAt = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const heldUnder = (node: FakeNode, prefix: string): number =>
  node.replica.list({ prefix, after: undefined, limit: 1_000 }).length

/** The liar answers a pull of `victim` with `count` entries that it wrote in the name of `author`; their names come first. */
function forge(
  network: FakeNetwork,
  { liar, victim, author }: { liar: FakeNode; victim: FakeNode; author: FakeNode },
  count: number,
): void {
  const time = liar.replica.groupClock(network.now as Instant) ?? 0
  const writer = new SyncPageWriter()
  for (let i = 0; i < count; i++) {
    const key = utf8(`aaa/${String(i).padStart(3, '0')}`)
    const value = utf8('forged')
    const entry = Object.assign(blankEntry(), { key, keyEnd: key.length, value })
    writer.add(Object.assign(entry, { valueEnd: value.length, ms: time, tagMs: time, sequence: 1 }))
  }
  network.disconnect(victim, liar)
  network.connect(victim, liar)
  const bytes = syncAnswerCodec.encode({
    ...{ log: new Uint8Array(16).fill(3), next: 1, isLast: true, floor: 0, marks: [] },
    ...{ groupClock: time, syncedAt: time },
    page: writer.finish(
      () => identityKey(author.id),
      () => bytesOfDigest(commitKey),
    ),
  })
  network.feed(victim, { kind: 'syncAnswered', node: liar.id, bytes })
}

test('entries put into the mouth of a node take the room of nothing that it signed, and of no other machine', () => {
  const network = new FakeNetwork({ seed: 21, instanceOf: String, replica: { rules } })
  const a = network.found()
  const [b, liar] = [network.join(), network.join()]
  network.beatFor(4)
  for (let i = 0; i < 10; i++) network.set(a, `own/${a.id}/${i}`, 'said')
  for (let i = 0; i < 5; i++) network.write(a, { kind: 'increment', key: `count/${i}`, by: i + 1 })
  for (let i = 0; i < 5; i++) network.set(b, `zoo/${i}`, 'of b')
  network.beatFor(3)
  forge(network, { liar, victim: b, author: a }, 80)
  network.beatFor(60)
  for (const node of [a, b]) {
    expect(heldUnder(node, 'aaa/')).toBe(35)
    expect(heldUnder(node, `own/${a.id}/`)).toBe(10)
    for (let i = 0; i < 5; i++) {
      expect(node.replica.get(`count/${i}`)).toMatchObject({ value: BigInt(i + 1) })
      expect(valueAt(node, `zoo/${i}`)).toBe('of b')
    }
  }
  expect(rootOf(a)).toBe(rootOf(b))
  // It is told that its machine is full, which is an error and no loss; others write on.
  const refused = network.set(a, 'more', 'v')
  const taken = network.set(b, 'more', 'v')
  network.beatFor(3)
  expect(a.outcomes.get(refused)?.code).toBe('QUOTA_FULL')
  expect(b.outcomes.get(taken)?.kind).toBe('written')
  // Any member may take forged entries away; then there is room again.
  for (let i = 0; i < 35; i++) {
    network.write(b, { kind: 'delete', key: `aaa/${String(i).padStart(3, '0')}` })
  }
  network.beatFor(5)
  const again = network.set(a, 'more', 'v')
  network.beatFor(3)
  expect(a.outcomes.get(again)?.kind).toBe('written')
})
