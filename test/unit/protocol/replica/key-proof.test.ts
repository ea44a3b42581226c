import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromUtf8, toHex, utf8 } from '../../../../src/base/bytes.ts'
import { PeerFault } from '../../../../src/base/errors.ts'
import {
  decodeKeyProof,
  decodePublicProof,
  encodeKeyProof,
  encodePublicProof,
  type KeyProof,
  type OpenLeaf,
  verifyKeyProof,
} from '../../../../src/wire/state-proof.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

const isPublic = (key: string): boolean => key.startsWith('public/')

function holding(keys: readonly string[]): FakeNode {
  const network = new FakeNetwork({ seed: 5 })
  const node = network.found()
  for (const [i, key] of keys.entries()) {
    if (i % 4 === 3) {
      for (const element of ['x', 'y', 'z']) {
        network.write(node, { kind: 'add', key, element: utf8(element) }, 'local')
      }
    } else network.set(node, key, `value of ${key}`, 'local')
  }
  network.run(2000)
  return node
}

function shown(node: FakeNode, key: string): readonly OpenLeaf[] | undefined {
  const made = node.replica.proveKey(key)
  if (typeof made === 'string') return undefined
  const proof = decodeKeyProof(encodeKeyProof(made.proof))
  // Under a checkpoint it goes without what the checkpoint says already.
  if (isPublic(key)) {
    expect(decodePublicProof(encodePublicProof(made.proof), made.proof.otherRoot)).toEqual(proof)
  }
  return verifyKeyProof(proof, { key, isPublic: isPublic(key), root: rootOf(node) })
}

const rootOf = (node: FakeNode): Uint8Array => node.replica.roots()?.root ?? new Uint8Array(0)

const names = fc.uniqueArray(
  fc.tuple(fc.boolean(), fc.nat(200)).map(([open, n]) => `${open ? 'public/' : 'private/'}${n}`),
  { maxLength: 40 },
)

test('what a key holds, or that it holds nothing, is proven under the root of the heartbeat', () => {
  fc.assert(
    fc.property(names, fc.nat(300), (keys, other) => {
      const node = holding(keys)
      for (const [i, key] of keys.entries()) {
        const leaves = shown(node, key) ?? []
        const values = leaves.map(({ value }) => fromUtf8(value))
        const elements = leaves.map(({ element }) => fromUtf8(element)).sort()
        if (i % 4 === 3) expect(elements).toEqual(['x', 'y', 'z'])
        else expect(values).toEqual([`value of ${key}`])
      }
      for (const absent of [`public/${other}.`, `private/${other}.`]) {
        expect(shown(node, absent)).toEqual([])
      }
    }),
    { numRuns: 25 },
  )
})

test('no proof of one key, root or trie passes for another, and a changed byte ends it', () => {
  const keys = Array.from({ length: 24 }, (_, i) => `${i % 2 === 0 ? 'public' : 'private'}/${i}`)
  const node = holding(keys)
  const root = rootOf(node)
  for (const key of ['public/0', 'private/3', 'public/none', 'private/none']) {
    const made = node.replica.proveKey(key)
    if (typeof made === 'string') throw new Error('a proof is there')
    const claim = { key, isPublic: isPublic(key), root }
    const genuine = verifyKeyProof(made.proof, claim)
    expect(genuine).toBeDefined()
    for (const wrong of [
      { ...claim, key: `${key}x` },
      { ...claim, key: isPublic(key) ? 'public/2' : 'private/5' },
      { ...claim, isPublic: !claim.isPublic },
      { ...claim, root: new Uint8Array(32) },
    ]) {
      const seen = verifyKeyProof(made.proof, wrong)
      // The way to an absent key may prove the absence of its neighbour too, and never the presence of anything.
      expect(seen === undefined || (genuine?.length === 0 && seen.length === 0)).toBe(true)
      if (keys.includes(wrong.key)) expect(seen).toBeUndefined()
    }
    const bytes = encodeKeyProof(made.proof)
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [1, 0x80]) {
        const forged = bytes.slice()
        forged[at] = (forged[at] ?? 0) ^ mask
        expect(verified(forged, claim)).toBeUndefined()
      }
      expect(verified(bytes.subarray(0, at), claim)).toBeUndefined()
    }
  }
})

test('a key that is there cannot be shown to be absent, nor a set with an element left out', () => {
  const keys = Array.from({ length: 40 }, (_, i) => `public/${i}`)
  const node = holding(keys)
  const root = rootOf(node)
  const proofs = [...keys, 'public/none', 'public/nothing'].map(key => {
    const made = node.replica.proveKey(key)
    if (typeof made === 'string') throw new Error('a proof is there')
    return made.proof
  })
  for (const key of keys) {
    const claim = { key, isPublic: true, root }
    const own = node.replica.proveKey(key)
    if (typeof own === 'string') throw new Error('a proof is there')
    for (const proof of proofs) {
      expect(verifyKeyProof({ ...proof, steps: own.proof.steps }, claim)).not.toEqual([])
      expect(verifyKeyProof({ ...own.proof, end: proof.end }, claim)).not.toEqual([])
      expect(verifyKeyProof(proof, claim)).not.toEqual([])
    }
    expect(verifyKeyProof({ ...own.proof, steps: [], end: { kind: 'nothing' } }, claim)).toBe(
      undefined,
    )
    if (own.proof.end.kind === 'leaves' && own.proof.end.leaves.length > 1) {
      const fewer: KeyProof = {
        ...own.proof,
        end: { kind: 'leaves', leaves: own.proof.end.leaves.slice(1) },
      }
      expect(verifyKeyProof(fewer, claim)).toBeUndefined()
    }
  }
})

test('a register shows no element, which nothing would vouch for', () => {
  const node = holding(['public/a'])
  const made = node.replica.proveKey('public/a')
  const claim = { key: 'public/a', isPublic: true, root: rootOf(node) }
  if (typeof made === 'string' || made.proof.end.kind !== 'leaves')
    throw new Error('the key is there')
  expect(verifyKeyProof(made.proof, claim)).toBeDefined()
  const leaves = made.proof.end.leaves.map(leaf => ({ ...leaf, element: utf8('invented') }))
  const forged: KeyProof = { ...made.proof, end: { kind: 'leaves', leaves } }
  expect(verifyKeyProof(forged, claim)).toBeUndefined()
})

test('a proof has these bytes', () => {
  const proof: KeyProof = {
    isPublic: true,
    otherRoot: new Uint8Array(32).fill(1),
    steps: [{ bit: 200, sibling: new Uint8Array(32).fill(2) }],
    end: { kind: 'foreign', path: new Uint8Array(40).fill(3), content: new Uint8Array(32).fill(4) },
  }
  const hex = (byte: string, count: number): string => byte.repeat(count)
  expect(toHex(encodeKeyProof(proof))).toBe(
    `0101${hex('01', 32)}01c801${hex('02', 32)}01${hex('03', 40)}${hex('04', 32)}`,
  )
})

function verified(
  bytes: Uint8Array,
  claim: Parameters<typeof verifyKeyProof>[1],
): readonly OpenLeaf[] | undefined {
  try {
    return verifyKeyProof(decodeKeyProof(bytes), claim)
  } catch (fault) {
    expect(fault).toBeInstanceOf(PeerFault)
    return undefined
  }
}
