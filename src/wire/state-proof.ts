/**
 * Proof of all that a key holds, or that it holds nothing, under a state root. Pure: for light clients too.
 *
 * Whoever follows the bits of the key's path down its trie arrives at one place. There stands the subtree of
 * all cells of the key, rebuilt here from their leaves; or a leaf of another key, or nothing: then the key
 * is absent. The bits of the steps rise, so nothing can lie between. Layout: docs/spec/replica.md, "Proofs".
 */
import { equalBytes, utf8 } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { framedHash } from '../crypto/hash.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { PackedReader, PackedWriter } from './packed.ts'

/** Bytes of a path: 16 of the key, 24 of the cell. */
export const pathBytes = 40
const keyPathBytes = 16
const keyBits = 8 * keyPathBytes
const hashBytes = 32
const stampLength = 48
const tagLength = 18
/** `entryKind.register`: the one kind whose cell is named by its key alone. */
const registerKind = 1

/** A step down from the root: where the children part, and the hash of the one that the key is not under. */
export interface ProofStep {
  readonly bit: number
  readonly sibling: Uint8Array
}

/** A leaf with all that is hashed in it. */
export interface OpenLeaf {
  /** Empty in the public trie. */
  readonly salt: Uint8Array
  /** ms u64, counter u64, author 32. */
  readonly stamp: Uint8Array
  /** kind, removed, tag ms u64, tag counter u64. */
  readonly tag: Uint8Array
  readonly commitKey: Uint8Array
  readonly value: Uint8Array
  /** Empty in a register. */
  readonly element: Uint8Array
  readonly tagAuthor: Uint8Array
}

/** What stands there. */
export type ProofEnd =
  /** The trie is empty. */
  | { readonly kind: 'nothing' }
  /** The leaf of another key: its path and the commitment inside it. */
  | { readonly kind: 'foreign'; readonly path: Uint8Array; readonly content: Uint8Array }
  /** All leaves of the key. */
  | { readonly kind: 'leaves'; readonly leaves: readonly OpenLeaf[] }

/** The way from a root down to where all cells of a key stand, or would stand. */
export interface KeyProof {
  readonly isPublic: boolean
  /** The root of the other trie. */
  readonly otherRoot: Uint8Array
  readonly steps: readonly ProofStep[]
  readonly end: ProofEnd
}

/** What a verifier knows beside the proof. */
export interface KeyClaim {
  readonly key: string
  /** In which trie the key must stand: the manifest's public prefixes decide that. */
  readonly isPublic: boolean
  /** 32 bytes. */
  readonly root: Uint8Array
}

/** A leaf's hash: its path and the commitment to the rest. */
export function leafHash(path: Uint8Array, content: Uint8Array): Uint8Array {
  return framedHash(domains.trieLeaf, path, content)
}

/** The root of a trie without leaves. */
export function emptyRoot(): Uint8Array {
  return framedHash(domains.trieNode)
}

/** A node's hash; `bit` counts from 0, the highest bit of the first byte of a path. */
export function nodeHash(bit: number, left: Uint8Array, right: Uint8Array): Uint8Array {
  return framedHash(domains.trieNode, Uint8Array.of(bit >> 8, bit & 0xff), left, right)
}

/** The root over both tries. */
export function stateRoot(publicRoot: Uint8Array, privateRoot: Uint8Array): Uint8Array {
  return framedHash(domains.stateRoot, publicRoot, privateRoot)
}

/** The bit of a path. */
export function bitAt(path: Uint8Array, bit: number): number {
  return ((path[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
}

/**
 * What `proof` shows of the key of `claim` under its root: the leaves of the key, none if it is absent; `undefined` if
 * it shows nothing. Whoever takes the trie from the proof itself may be shown the absence of a key from the wrong one.
 */
export function verifyKeyProof(proof: KeyProof, claim: KeyClaim): readonly OpenLeaf[] | undefined {
  if (proof.isPublic !== claim.isPublic) return undefined
  const key = utf8(claim.key)
  const keyPath = framedHash(domains.triePath, key).subarray(0, keyPathBytes)
  const { steps, end } = proof
  if (!steps.every(({ bit }, i) => bit > (steps[i - 1]?.bit ?? -1))) return undefined
  const bottom = bottomOf(proof, key, keyPath)
  if (bottom === undefined) return undefined
  let hash = bottom.hash
  for (const { bit, sibling } of [...steps].reverse()) {
    // The way down followed the key; below the key's own bits, a foreign leaf's.
    if (bit < keyBits && bitAt(bottom.path, bit) !== bitAt(keyPath, bit)) return undefined
    const isRight = bitAt(bottom.path, bit) === 1
    hash = isRight ? nodeHash(bit, sibling, hash) : nodeHash(bit, hash, sibling)
  }
  const [publicRoot, privateRoot] = proof.isPublic
    ? [hash, proof.otherRoot]
    : [proof.otherRoot, hash]
  if (!equalBytes(stateRoot(publicRoot, privateRoot), claim.root)) return undefined
  return end.kind === 'leaves' ? end.leaves : []
}

/** The hash at the end of the way and a path that leads there; `undefined` if it can be no end for this key. */
function bottomOf(
  { steps, end, isPublic }: KeyProof,
  key: Uint8Array,
  keyPath: Uint8Array,
): { readonly hash: Uint8Array; readonly path: Uint8Array } | undefined {
  if (end.kind === 'nothing') {
    return steps.length === 0 ? { hash: emptyRoot(), path: keyPath } : undefined
  }
  if (end.kind === 'foreign') {
    if (equalBytes(end.path.subarray(0, keyPathBytes), keyPath)) return undefined
    return { hash: leafHash(end.path, end.content), path: end.path }
  }
  // A step at or below the key's last bit would hide cells of the key beside those shown.
  if (end.leaves.length === 0 || (steps.at(-1)?.bit ?? -1) >= keyBits) return undefined
  if (!end.leaves.every(leaf => isWhole(leaf, isPublic))) return undefined
  const placed = end.leaves
    .map(leaf => ({ path: pathOf(leaf, key), content: contentOf(leaf) }))
    .map(({ path, content }) => ({ path, hash: leafHash(path, content) }))
    .sort((a, b) => (isBefore(a.path, b.path) ? -1 : 1))
  const isTwice = placed.some(({ path }, i) => equalBytes(path, placed[i + 1]?.path ?? key))
  const first = placed[0]
  if (isTwice || first === undefined) return undefined
  return { hash: subtreeHash(placed), path: first.path }
}

/** Nothing in it that its hash does not cover, and hidden as its trie asks. */
function isWhole({ salt, tag, element, tagAuthor }: OpenLeaf, isPublic: boolean): boolean {
  if (salt.length !== (isPublic ? 0 : hashBytes)) return false
  return tag[0] !== registerKind || (element.length === 0 && tagAuthor.length === 0)
}

interface PlacedLeaf {
  readonly path: Uint8Array
  readonly hash: Uint8Array
}

/** The hash over leaves in the order of their paths, all different: at most 320 deep. */
function subtreeHash(leaves: readonly PlacedLeaf[]): Uint8Array {
  const [first, last] = [leaves[0], leaves.at(-1)]
  if (first === undefined || last === undefined || first === last) return first?.hash ?? emptyRoot()
  let bit = 0
  while (bitAt(first.path, bit) === bitAt(last.path, bit)) bit++
  const split = leaves.findIndex(({ path }) => bitAt(path, bit) === 1)
  return nodeHash(bit, subtreeHash(leaves.slice(0, split)), subtreeHash(leaves.slice(split)))
}

function pathOf({ tag, element, tagAuthor }: OpenLeaf, key: Uint8Array): Uint8Array {
  const path = new Uint8Array(pathBytes)
  path.set(framedHash(domains.triePath, key))
  const kind = tag.subarray(0, 1)
  if (kind[0] === registerKind) return path
  const cell = framedHash(domains.triePath, key, kind, element, tagAuthor)
  path.set(cell.subarray(0, pathBytes - keyPathBytes), keyPathBytes)
  return path
}

function contentOf({ salt, stamp, tag, commitKey, value }: OpenLeaf): Uint8Array {
  return framedHash(domains.leafContent, salt, stamp, tag, commitKey, value)
}

function isBefore(left: Uint8Array, right: Uint8Array): boolean {
  for (let i = 0; i < left.length; i++) {
    if (left[i] !== right[i]) return (left[i] ?? 0) < (right[i] ?? 0)
  }
  return false
}

const ends = ['nothing', 'foreign', 'leaves'] as const

/** Fresh bytes. */
export function encodeKeyProof(proof: KeyProof): Uint8Array {
  const out = new PackedWriter()
  out.byte(1)
  out.byte(proof.isPublic ? 1 : 0)
  out.run(proof.otherRoot, 0, proof.otherRoot.length)
  writeWay(out, proof)
  return out.copy()
}

/** Parses strictly, at most `limits.proofBytesMax` bytes. @throws {PeerFault} `BAD_PROOF`, `PACKED_…`. */
export function decodeKeyProof(bytes: Uint8Array): KeyProof {
  const source = proofReader(bytes)
  const isPublic = source.uintUpTo(1) === 1
  const otherRoot = source.copy(hashBytes)
  return { isPublic, otherRoot, ...readWay(source) }
}

/** The part of a proof in the public trie that a reader of the checkpoint does not know: its way alone. Fresh bytes. */
export function encodePublicProof(proof: KeyProof): Uint8Array {
  const out = new PackedWriter()
  out.byte(1)
  writeWay(out, proof)
  return out.copy()
}

/**
 * A proof in the public trie beside this root of the private one. Parses strictly, at most `limits.proofBytesMax` bytes.
 *
 * @throws {PeerFault} `BAD_PROOF`, `PACKED_…`.
 */
export function decodePublicProof(bytes: Uint8Array, privateRoot: Uint8Array): KeyProof {
  return { isPublic: true, otherRoot: privateRoot, ...readWay(proofReader(bytes)) }
}

type Way = Pick<KeyProof, 'steps' | 'end'>

function writeWay(out: PackedWriter, { steps, end }: Way): void {
  const put = (bytes: Uint8Array): void => out.run(bytes, 0, bytes.length)
  const putSized = (bytes: Uint8Array): void => {
    out.uint(bytes.length)
    put(bytes)
  }
  out.uint(steps.length)
  for (const { bit, sibling } of steps) {
    out.uint(bit)
    put(sibling)
  }
  out.byte(ends.indexOf(end.kind))
  if (end.kind === 'foreign') {
    put(end.path)
    put(end.content)
  } else if (end.kind === 'leaves') {
    out.uint(end.leaves.length)
    for (const leaf of end.leaves) {
      putSized(leaf.salt)
      put(leaf.stamp)
      put(leaf.tag)
      put(leaf.commitKey)
      putSized(leaf.value)
      putSized(leaf.element)
      putSized(leaf.tagAuthor)
    }
  }
}

/** Behind the version of a proof. */
function proofReader(bytes: Uint8Array): PackedReader {
  if (bytes.length > limits.proofBytesMax) throw new PeerFault('BAD_PROOF', 'a proof is bounded')
  const source = new PackedReader(bytes)
  if (source.byte() !== 1) throw new PeerFault('BAD_PROOF', 'only version 1 is understood')
  return source
}

/** What is left of the source, to its end. */
function readWay(source: PackedReader): Way {
  const steps: ProofStep[] = []
  for (let left = source.uintUpTo(8 * pathBytes); left > 0; left--) {
    steps.push({ bit: source.uintUpTo(8 * pathBytes - 1), sibling: source.copy(hashBytes) })
  }
  const end = readEnd(source)
  source.end()
  return { steps, end }
}

function readEnd(source: PackedReader): ProofEnd {
  const kind = ends[source.byte()]
  if (kind === undefined) throw new PeerFault('BAD_PROOF', 'no such end')
  if (kind === 'nothing') return { kind }
  if (kind === 'foreign') {
    return { kind, path: source.copy(pathBytes), content: source.copy(hashBytes) }
  }
  const sized = (max: number): Uint8Array => source.copy(source.uintUpTo(max))
  const leaves: OpenLeaf[] = []
  for (let left = source.uintUpTo(limits.proofLeavesMax); left > 0; left--) {
    leaves.push({
      salt: sized(hashBytes),
      stamp: source.copy(stampLength),
      tag: source.copy(tagLength),
      commitKey: source.copy(hashBytes),
      value: sized(limits.stateValueBytesMax),
      element: sized(limits.stateElementBytesMax),
      tagAuthor: sized(hashBytes),
    })
  }
  return { kind, leaves }
}
