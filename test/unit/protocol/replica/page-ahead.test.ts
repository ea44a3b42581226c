import { expect, test } from 'vitest'
import { fromUtf8 } from '../../../../src/base/bytes.ts'
import type { Instant } from '../../../../src/base/time.ts'
import type { ReplicaEffect } from '../../../../src/protocol/replica/types.ts'
import type { EntryView } from '../../../../src/wire/entry.ts'
import { syncAnswerCodec, syncRequestCodec } from '../../../../src/wire/sync.ts'
import { answerOf, forge } from '../../../fakes/forged-entries.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const countOf = (node: FakeNode, kind: ReplicaEffect['kind']): number =>
  node.effects.filter(effect => effect.kind === kind).length

/** A member at the far end of a pull that a test answers by hand: page `next` of two, with one entry. */
function pulling(): {
  network: FakeNetwork
  a: FakeNode
  answer: (next: number, entry: EntryView) => void
  cursors: () => number[]
} {
  const network = new FakeNetwork({ seed: 7 })
  const [a, b] = [network.found(), network.join()]
  network.beatFor(4)
  network.disconnect(a, b)
  network.connect(a, b)
  a.effects.length = 0
  const said = syncAnswerCodec.decode(answerOf(b, [], b))
  const answer = (next: number, entry: EntryView): void => {
    const { page } = syncAnswerCodec.decode(answerOf(b, [entry], b))
    const bytes = syncAnswerCodec.encode({ ...said, page, next, isLast: next === 2 })
    network.feed(a, { kind: 'syncAnswered', node: b.id, bytes })
  }
  const asked = (): ReplicaEffect[] => a.effects.filter(effect => effect.kind === 'askSync')
  const cursors = (): number[] =>
    asked().map(effect =>
      effect.kind === 'askSync' ? syncRequestCodec.decode(effect.bytes).cursor : 0,
    )
  return { network, a, answer, cursors }
}

test('the next page is asked for before the last one is merged, and none is merged twice or never', () => {
  const { network, a, answer, cursors } = pulling()
  const ms = a.replica.groupClock(network.now as Instant) ?? 0
  answer(1, forge({ key: 'first', ms }))
  expect(cursors()).toEqual([1])
  expect(registerOf(a, 'first')).toBeUndefined()
  expect(a.replica.wakeAt()).toBe(network.now)
  network.feed(a, { kind: 'tick' })
  expect(registerOf(a, 'first')).toBe('forged')
  const delivered = a.replica.deliveredCount
  network.feed(a, { kind: 'tick' })
  answer(2, forge({ key: 'second', ms }))
  expect(registerOf(a, 'second')).toBe('forged')
  expect(a.replica.deliveredCount).toBe(delivered + 1)
  expect(countOf(a, 'fullSyncCompleted')).toBe(1)
})

test('a page that waits for its merge goes before the page that follows it', () => {
  const { network, a, answer } = pulling()
  const ms = a.replica.groupClock(network.now as Instant) ?? 0
  answer(1, forge({ key: 'first', ms }))
  answer(2, forge({ key: 'second', ms }))
  expect([registerOf(a, 'first'), registerOf(a, 'second')]).toEqual(['forged', 'forged'])
})

test('after a page that was a fault the answer under way is not taken for one to a later pull', () => {
  const { network, a, answer } = pulling()
  const ms = a.replica.groupClock(network.now as Instant) ?? 0
  answer(1, forge({ key: `own/${a.id}/x`, ms }))
  network.feed(a, { kind: 'tick' })
  expect(countOf(a, 'peerFault')).toBe(1)
  answer(2, forge({ key: 'late', ms }))
  expect(registerOf(a, 'late')).toBeUndefined()
  expect(countOf(a, 'fullSyncCompleted')).toBe(0)
  // The pull is given up and begins anew later.
  network.beatFor(10)
  expect(countOf(a, 'fullSyncCompleted')).toBeGreaterThan(0)
})
