/** What a proof says is what a read says, whatever was written, and leaves that nobody honest commits to say nothing. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { utf8 } from '../../../src/base/bytes.ts'
import { framedHash } from '../../../src/crypto/hash.ts'
import type { Operation } from '../../../src/protocol/replica/types.ts'
import { domains } from '../../../src/wire/domains.ts'
import { provenContent } from '../../../src/wire/proven-content.ts'
import {
  decodeKeyProof,
  emptyRoot,
  encodeKeyProof,
  type KeyProof,
  leafHash,
  type OpenLeaf,
  pathBytes,
  stateRoot,
  verifyKeyProof,
} from '../../../src/wire/state-proof.ts'
import { FakeNetwork, type FakeNode } from '../../fakes/replica-network.ts'

const keys = ['public/a', 'public/b', 'c', 'd'] as const
const isPublic = (key: string): boolean => key.startsWith('public/')

function proven(node: FakeNode, key: string): ReturnType<typeof provenContent> {
  const made = node.replica.proveKey(key)
  if (typeof made === 'string') throw new Error(made)
  const proof = decodeKeyProof(encodeKeyProof(made.proof))
  return provenContent(proof, { key, isPublic: isPublic(key), root: made.root })
}

const bytes = fc.uint8Array({ maxLength: 3 })
const operations: fc.Arbitrary<Operation> = fc.constantFrom(...keys).chain(key =>
  fc.oneof(
    fc.record({ kind: fc.constant('set' as const), key: fc.constant(key), value: bytes }),
    fc.record({ kind: fc.constant('delete' as const), key: fc.constant(key) }),
    fc.record({ kind: fc.constant('add' as const), key: fc.constant(key), element: bytes }),
    fc.record({ kind: fc.constant('remove' as const), key: fc.constant(key), element: bytes }),
    fc.record({ kind: fc.constant('assign' as const), key: fc.constant(key), value: bytes }),
    fc.record({
      kind: fc.constant('increment' as const),
      key: fc.constant(key),
      by: fc.maxSafeInteger(),
    }),
  ),
)

test('a proof says what a read says, of every kind, removed or not, written at once or not', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(1), operations, fc.boolean()), { maxLength: 30 }),
      steps => {
        const network = new FakeNetwork({ seed: 3 })
        const nodes = [network.found(), network.join()]
        network.beatFor(3)
        for (const [at, operation, isHeard] of steps) {
          network.write(nodes[at] as FakeNode, operation, 'local')
          if (isHeard) network.run(1_000)
        }
        network.run(3_000)
        for (const node of nodes) {
          for (const key of keys) {
            const { key: _, ...held } = node.replica.get(key) ?? { key, kind: 'nothing' as const }
            seen.add(held.kind)
            expect(proven(node, key)).toEqual(held.kind === 'nothing' ? null : held)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
  expect([...seen].sort()).toEqual(['counter', 'multi', 'nothing', 'register', 'set'])
})

test('the absence of a public key from the private trie is true, and no proof for who knows the trie', () => {
  const network = new FakeNetwork({ seed: 4 })
  const node = network.found()
  network.set(node, 'public/a', 'here', 'local')
  network.run(1_000)
  const made = node.replica.proveKey('public/a')
  if (typeof made === 'string') throw new Error(made)
  const { root, proof } = made
  const roots = node.replica.roots()
  const lie: KeyProof = {
    isPublic: false,
    otherRoot: roots?.publicRoot ?? new Uint8Array(0),
    steps: [],
    end: { kind: 'nothing' },
  }
  expect(stateRoot(lie.otherRoot, emptyRoot())).toEqual(root)
  // So whoever believes the trie that the proof names is deceived:
  expect(provenContent(lie, { key: 'public/a', isPublic: lie.isPublic, root })).toBe(null)
  expect(provenContent(lie, { key: 'public/a', isPublic: true, root })).toBeUndefined()
  expect(provenContent(proof, { key: 'public/a', isPublic: true, root })).toEqual({
    kind: 'register',
    value: utf8('here'),
  })
})

test.each([
  ['of no known kind', { tag: [9, 0], value: new Uint8Array(0) }],
  ['neither there nor removed', { tag: [1, 2], value: new Uint8Array(0) }],
  ['a counter that was removed', { tag: [4, 1], value: new Uint8Array(8) }],
  ['a counter that is no number', { tag: [4, 0], value: new Uint8Array(7) }],
])('a leaf that is %s says nothing, even under a root that holds it', (_, { tag, value }) => {
  const bytes18 = Uint8Array.from({ length: 18 }, (_, i) => tag[i] ?? 0)
  const leaf: OpenLeaf = {
    salt: new Uint8Array(0),
    stamp: new Uint8Array(48),
    tag: bytes18,
    commitKey: new Uint8Array(32),
    value,
    element: new Uint8Array(0),
    tagAuthor: new Uint8Array(tag[0] === 1 ? 0 : 32),
  }
  const proof: KeyProof = {
    isPublic: true,
    otherRoot: new Uint8Array(32),
    steps: [],
    end: { kind: 'leaves', leaves: [leaf] },
  }
  const root = rootUnder(proof, 'public/a')
  expect(verifyKeyProof(proof, { key: 'public/a', isPublic: true, root })).toHaveLength(1)
  expect(provenContent(proof, { key: 'public/a', isPublic: true, root })).toBeUndefined()
})

/** The root that a liar would name for a trie of this one leaf. */
function rootUnder({ end, otherRoot }: KeyProof, key: string): Uint8Array {
  if (end.kind !== 'leaves' || end.leaves[0] === undefined) throw new Error('one leaf')
  const [{ salt, stamp, tag, commitKey, value, element, tagAuthor }] = end.leaves
  const path = new Uint8Array(pathBytes)
  path.set(framedHash(domains.triePath, utf8(key)))
  if (tag[0] !== 1) {
    const cell = framedHash(domains.triePath, utf8(key), tag.subarray(0, 1), element, tagAuthor)
    path.set(cell.subarray(0, 24), 16)
  }
  const content = framedHash(domains.leafContent, salt, stamp, tag, commitKey, value)
  return stateRoot(leafHash(path, content), otherRoot)
}
