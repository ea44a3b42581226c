/** What a joiner hears before it knows the time: nothing of it is lost, and nothing of it fills its memory. */
import { expect, test } from 'vitest'
import { fromUtf8 } from '../../../../src/base/bytes.ts'
import type { Instant } from '../../../../src/base/time.ts'
import { parseBatch } from '../../../../src/wire/batch.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}
const publishedBy = (node: FakeNode) =>
  node.effects.flatMap(effect => (effect.kind === 'publish' ? [effect] : []))
const isNamedInFull = (bytes: Uint8Array): boolean =>
  typeof parseBatch(bytes).commitKey !== 'number'

/** Two members and a joiner that no sync reaches. */
function unreached(): { network: FakeNetwork; a: FakeNode; joiner: FakeNode } {
  const network = new FakeNetwork({ seed: 3 })
  const a = network.found()
  const b = network.join()
  network.beatFor(6)
  const joiner = network.join()
  for (const node of [a, b]) network.disconnect(joiner, node)
  return { network, a, joiner }
}

function hear(network: FakeNetwork, joiner: FakeNode, author: FakeNode): void {
  for (const { sequence, bytes } of publishedBy(author)) {
    network.feed(joiner, { kind: 'batchReceived', author: author.id, sequence, bytes })
  }
}

/** Tells the joiner the time by the beats of two members. */
function tellTime(network: FakeNetwork, joiner: FakeNode): void {
  for (const { id, replica } of network.nodes) {
    const groupClock = replica.groupClock(network.now as Instant) ?? 0
    if (groupClock > 0) network.feed(joiner, { kind: 'beat', node: id, root: null, groupClock })
  }
}

test('what a joiner heard before it knew the time is merged the moment it does, with no sync', () => {
  const { network, a, joiner } = unreached()
  for (const i of [1, 2, 3]) {
    network.set(a, `early/${i}`, `${i}`, 'local')
    network.run(100)
  }
  hear(network, joiner, a)
  expect(registerOf(joiner, 'early/1')).toBeUndefined()
  tellTime(network, joiner)
  expect([1, 2, 3].map(i => registerOf(joiner, `early/${i}`))).toEqual(['1', '2', '3'])
  expect(joiner.effects.filter(({ kind }) => kind === 'askSync')).toEqual([])
})

test('a flood before the time is known is cut at 256 batches and a mebibyte, first come', () => {
  const { network, a, joiner } = unreached()
  for (let i = 0; i < 300; i++) {
    network.set(a, `small/${i}`, 'v', 'local')
    network.run(5)
  }
  hear(network, joiner, a)
  tellTime(network, joiner)
  const small = Array.from({ length: 300 }, (_, i) => registerOf(joiner, `small/${i}`))
  expect(small.filter(value => value !== undefined)).toHaveLength(256)
  expect(small[0]).toBe('v')

  const wide = unreached()
  for (let i = 0; i < 40; i++) {
    wide.network.set(wide.a, `large/${i}`, 'x'.repeat(60_000), 'local')
    wide.network.run(5)
  }
  hear(wide.network, wide.joiner, wide.a)
  tellTime(wide.network, wide.joiner)
  const large = Array.from({ length: 40 }, (_, i) => registerOf(wide.joiner, `large/${i}`))
  expect(large.filter(value => value !== undefined)).toHaveLength(17)
})

test('a batch that no honest member makes is its author’s fault when the time comes, and costs nobody else anything', () => {
  const { network, a, joiner } = unreached()
  const [, b] = network.nodes
  const bytes = Uint8Array.of(255, 255, 255)
  network.feed(joiner, { kind: 'batchReceived', author: b!.id, sequence: 1, bytes })
  expect(joiner.effects.filter(({ kind }) => kind === 'peerFault')).toEqual([])
  network.set(a, 'honest', 'v', 'local')
  network.run(100)
  hear(network, joiner, a)
  tellTime(network, joiner)
  const faults = joiner.effects.flatMap(effect => (effect.kind === 'peerFault' ? [effect] : []))
  expect(faults.map(({ node }) => node)).toEqual([b!.id])
  expect(registerOf(joiner, 'honest')).toBe('v')
})

test('for a second after somebody connected every batch names its commit key, so that any may be the first it hears', () => {
  const { network, a } = unreached()
  network.join()
  const before = publishedBy(a).length
  for (let i = 0; i < 30; i++) {
    network.set(a, `paced/${i}`, 'v', 'local')
    network.run(100)
  }
  const named = publishedBy(a)
    .slice(before)
    .map(({ bytes }) => isNamedInFull(bytes))
  expect(named.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => true))
  expect(named.slice(-10)).toEqual(Array.from({ length: 10 }, () => false))
})
