/** Batches that name their commit key by an earlier one: exact or not merged, and never for long. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8 } from '../../../../src/base/bytes.ts'
import { digestOf, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { NamedKeys } from '../../../../src/protocol/replica/named-keys.ts'
import { parseBatch } from '../../../../src/wire/batch.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const author = nodeIdOfKey(new Uint8Array(32).fill(1))
const keyNumbered = (i: number) => digestOf(new Uint8Array(32).fill(i))

test('whatever of an author is heard in whatever order, a batch is under its own key or told to be unknown', () => {
  const batch = fc.record({
    /** The author changes its key here. */
    isChange: fc.boolean(),
    isInFull: fc.boolean(),
    heard: fc.constantFrom('batch', 'page', 'not'),
  })
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 40 }), fc.nat(), (batches, seed) => {
      let [key, namedBy] = [0, 0]
      const sent = batches.map(({ isChange, isInFull, heard }, i) => {
        const sequence = i + 1
        if (isChange || isInFull || i === 0) namedBy = sequence
        if (isChange) key++
        return { sequence, key, before: sequence - namedBy, heard }
      })
      // Gossip comes a few places early or late; pages show the latest so far.
      const order = [...sent].sort(
        (a, b) => a.sequence + ((a.sequence * seed) % 5) - b.sequence - ((b.sequence * seed) % 5),
      )
      const named = new NamedKeys()
      for (const { sequence, key: own, before, heard } of order) {
        if (heard === 'page') named.seen(author, sequence, keyNumbered(own))
        else if (heard === 'batch' && before === 0) named.named(author, sequence, keyNumbered(own))
        else if (heard === 'batch') {
          const resolved = named.resolve(author, sequence, before)
          if (resolved !== undefined) expect(resolved).toBe(keyNumbered(own))
        }
      }
    }),
    { numRuns: 2000 },
  )
})

test('heard in order, every batch after one that names its key in full is known, or after a page that shows it', () => {
  const named = new NamedKeys()
  expect(named.resolve(author, 3, 2)).toBeUndefined()
  named.named(author, 1, keyNumbered(1))
  for (let sequence = 2; sequence < 60; sequence++) {
    expect(named.resolve(author, sequence, sequence - 1)).toBe(keyNumbered(1))
  }
  // A new key is named by batch 70, which was lost; a page shows batch 75.
  expect(named.resolve(author, 71, 1)).toBeUndefined()
  named.seen(author, 75, keyNumbered(2))
  expect(named.resolve(author, 76, 6)).toBe(keyNumbered(2))
  expect(named.resolve(author, 77, 7)).toBe(keyNumbered(2))
  expect(named.resolve(nodeIdOfKey(new Uint8Array(32).fill(2)) as NodeId, 76, 6)).toBeUndefined()
})

const registerOf = (node: FakeNode, key: string): string | undefined => {
  const entry = node.replica.get(key)
  return entry?.kind === 'register' ? fromUtf8(entry.value) : undefined
}

const publishedBy = (node: FakeNode) =>
  node.effects.flatMap(effect => (effect.kind === 'publish' ? [effect] : []))

function pair(): { network: FakeNetwork; a: FakeNode; b: FakeNode } {
  const network = new FakeNetwork({ seed: 11 })
  const a = network.found()
  const b = network.join()
  network.beatFor(4)
  return { network, a, b }
}

test('an author names its key in full once in a while, and anew for whoever comes', () => {
  const { network, a } = pair()
  for (let i = 0; i < 130; i++) {
    network.set(a, `k${i}`, 'v')
    network.run(100)
  }
  const isInFull = (bytes: Uint8Array): boolean => typeof parseBatch(bytes).commitKey !== 'number'
  const full = publishedBy(a).filter(({ bytes }) => isInFull(bytes))
  expect(full.map(({ sequence }) => sequence)).toEqual([1, 65, 129])
  network.join()
  network.beatFor(4)
  network.set(a, 'for the newcomer', 'v')
  network.run(100)
  expect(isInFull(publishedBy(a).at(-1)!.bytes)).toBe(true)
})

test('who missed the batch that names the key merges the next by a sync and those after it at once', () => {
  const { network, a, b } = pair()
  network.loss = 1
  network.set(a, 'first', '1', 'local')
  network.run(100)
  network.loss = 0
  network.set(a, 'second', '2')
  network.run(100)
  expect(typeof parseBatch(publishedBy(a).at(-1)!.bytes).commitKey).toBe('number')
  expect(registerOf(b, 'second')).toBeUndefined()
  network.run(2000)
  expect([registerOf(b, 'first'), registerOf(b, 'second')]).toEqual(['1', '2'])
  const asked = b.effects.filter(({ kind }) => kind === 'askSync').length
  network.set(a, 'third', '3')
  network.run(100)
  expect(registerOf(b, 'third')).toBe('3')
  expect(b.effects.filter(({ kind }) => kind === 'askSync').length).toBe(asked)
  expect([...a.outcomes.values()].every(({ kind }) => kind === 'written')).toBe(true)
})

test('a batch that names its key by one that never was is not merged and harms nobody', () => {
  const { network, a, b } = pair()
  network.set(a, 'honest', 'v')
  network.run(100)
  const [, short] = [0, 0].map(() => {
    network.set(a, 'again', 'v')
    network.run(100)
    return publishedBy(a).at(-1)!.bytes
  })
  // The same bytes as if of another author, who never named a key.
  const c = network.join()
  network.beatFor(4)
  const before = b.replica.entryCount
  network.feed(b, { kind: 'batchReceived', author: c.id, sequence: 9, bytes: short! })
  expect(b.replica.entryCount).toBe(before)
  expect(b.effects.filter(({ kind }) => kind === 'peerFault')).toEqual([])
  network.beatFor(3)
  const roots = network.nodes.map(node => node.replica.roots()?.root)
  expect(roots.every(root => root !== undefined && root.join() === roots[0]?.join())).toBe(true)
})
