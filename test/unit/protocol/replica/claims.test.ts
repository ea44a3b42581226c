/** What third members claim of an author hides nothing unless two machines claim it. */
import { expect, test } from 'vitest'
import { fromUtf8, toHex } from '../../../../src/base/bytes.ts'
import { bytesOfDigest } from '../../../../src/base/ids.ts'
import { type Instant, minutes } from '../../../../src/base/time.ts'
import { Claims } from '../../../../src/protocol/replica/claims.ts'
import { identityKey } from '../../../../src/protocol/replica/entry-hash.ts'
import { SyncPageWriter, syncAnswerCodec } from '../../../../src/wire/sync.ts'
import { commitKey, FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const hour = 3_600_000
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const valueAt = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

/** Tells `victim` at the end of an empty sync that all of `author` was merged, whatever it ever wrote. */
function claimAll(network: FakeNetwork, liar: FakeNode, victim: FakeNode, author: FakeNode): void {
  const time = liar.replica.groupClock(network.now as Instant) ?? 0
  network.disconnect(victim, liar)
  network.connect(victim, liar)
  const bytes = syncAnswerCodec.encode({
    ...{ log: new Uint8Array(16).fill(3), next: 1, isLast: true, floor: 0 },
    ...{ groupClock: time, syncedAt: time },
    marks: [{ author: identityKey(author.id), mark: 4_000_000_000 }],
    page: new SyncPageWriter().finish(
      () => identityKey(author.id),
      () => bytesOfDigest(commitKey),
    ),
  })
  network.feed(victim, { kind: 'syncAnswered', node: liar.id, bytes })
}

test('a claim about a departed author hides none of its old entries from a node that two machines confirmed', () => {
  const network = new FakeNetwork({ seed: 5, replica: { syncInterval: minutes(10) } })
  const a = network.found()
  const [b, liar, c, d] = [network.join(), network.join(), network.join(), network.join()]
  network.beatFor(6)
  for (const left of [a, b, liar]) for (const right of [c, d]) network.disconnect(left, right)
  network.set(c, 'old', 'acknowledged by d')
  network.beatFor(5)
  network.kill(c)
  for (let i = 0; i < 27; i++) {
    network.run(hour)
    network.beatFor(1)
  }
  claimAll(network, liar, a, c)
  network.beatFor(5)
  for (const member of [a, b]) network.connect(member, d)
  network.beatFor(40)
  for (const node of [a, b, d]) expect(valueAt(node, 'old')).toBe('acknowledged by d')
  expect(new Set([a, b, d].map(rootOf)).size).toBe(1)
})

test('a claim counts as far as two instances make it, however often one repeats itself', () => {
  const claims = new Claims()
  claims.add('liar', 1_000)
  claims.add('liar', 2_000)
  expect(claims.borneOut(2)).toBe(0)
  expect(claims.borneOut(1)).toBe(2_000)
  claims.add('b', 5)
  claims.add('c', 7)
  claims.add('b', 6)
  expect(claims.borneOut(2)).toBe(7)
  claims.cut(4)
  expect(claims.borneOut(1)).toBe(4)
  expect(claims.borneOut(2)).toBe(4)
})
