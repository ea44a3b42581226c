/**
 * What is hashed of an entry. Final: roots, proofs and ties rest on these bytes. Spec: docs/spec/replica.md.
 */
import { fromUtf8 } from '../../base/bytes.ts'
import {
  bytesOfDigest,
  type Digest,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
} from '../../base/ids.ts'
import { framed, framedHash } from '../../crypto/hash.ts'
import { verifySignature } from '../../crypto/sign.ts'
import { domains } from '../../wire/domains.ts'
import { type EntryView, entryKind, signatureBytes } from '../../wire/entry.ts'
import { pathBytes } from '../../wire/state-proof.ts'

/** The names behind the numbers in a view. */
export interface EntryNames {
  author(index: number): NodeId
  commitKey(index: number): Digest
}

const keyPathBytes = 16

const empty = new Uint8Array(0)
const cacheMax = 1024
const identityKeys = new Map<NodeId, Uint8Array>()
const commitKeyIds = new Map<Digest, Uint8Array>()

/** The identity key of a node id, lent; base58 is slow, so the latest are kept. */
export function identityKey(node: NodeId): Uint8Array {
  return cached(identityKeys, node, keyOfNodeId)
}

/** The 32 bytes of the id of a commit key, lent. */
export function commitKeyId(commitKey: Digest): Uint8Array {
  return cached(commitKeyIds, commitKey, bytesOfDigest)
}

function cached<T>(cache: Map<T, Uint8Array>, name: T, make: (name: T) => Uint8Array): Uint8Array {
  const known = cache.get(name)
  if (known !== undefined) return known
  if (cache.size === cacheMax) cache.clear()
  const made = make(name)
  cache.set(name, made)
  return made
}

export function keyOf(entry: EntryView): Uint8Array {
  return entry.key.subarray(entry.keyStart, entry.keyEnd)
}

/** Element and tag author of a cell, as its path is made of them; both empty in a register. */
export function cellParts(
  entry: EntryView,
  names: EntryNames,
): { readonly element: Uint8Array; readonly tagAuthor: Uint8Array } {
  const [, element, tagAuthor] = cellName(entry, names)
  return { element, tagAuthor }
}

/** What names the cell within its key: kind, and in all but a register element and tag author. */
function cellName(
  entry: EntryView,
  names: EntryNames,
): readonly [Uint8Array, Uint8Array, Uint8Array] {
  if (entry.kind === entryKind.register) return [Uint8Array.of(entry.kind), empty, empty]
  const element = entry.element.subarray(entry.elementStart, entry.elementEnd)
  return [Uint8Array.of(entry.kind), element, identityKey(names.author(entry.tagAuthor))]
}

/**
 * Where the leaf of an entry stands, 40 bytes: it depends on the cell alone and never moves. It starts with
 * 16 bytes that depend on the key alone, so that one subtree shows or excludes all that a key holds. A
 * register goes on with the rest of the same hash and eight zeros: one hash for the common kind.
 */
export function leafPath(entry: EntryView, names: EntryNames): Uint8Array {
  const key = keyOf(entry)
  const path = new Uint8Array(pathBytes)
  const keyHash = framedHash(domains.triePath, key)
  path.set(keyHash)
  if (entry.kind === entryKind.register) return path
  const cell = framedHash(domains.triePath, key, ...cellName(entry, names))
  path.set(cell.subarray(0, pathBytes - keyPathBytes), keyPathBytes)
  return path
}

/** A stamp: ms and counter in eight bytes each, identity key of its author. 48 bytes. */
export function stampBytes(entry: EntryView, names: EntryNames): Uint8Array {
  const bytes = new Uint8Array(48)
  putStamp(bytes, 0, entry)
  bytes.set(identityKey(names.author(entry.author)), 16)
  return bytes
}

/** Two numbers below 2^53, big-endian: the layout of `uint64Bytes`, without its `BigInt`. */
function putStamp(
  target: Uint8Array,
  at: number,
  { ms, counter }: { readonly ms: number; readonly counter: number },
): void {
  putUint32(target, at, Math.floor(ms / 2 ** 32))
  putUint32(target, at + 4, ms % 2 ** 32)
  putUint32(target, at + 8, 0)
  putUint32(target, at + 12, counter)
}

/** What a stamp stands for, beside the value: kind, removed, the tag's ms and counter. 18 bytes. */
export function tagBytes(entry: EntryView): Uint8Array {
  const tag = new Uint8Array(18)
  tag[0] = entry.kind
  tag[1] = entry.isRemoved ? 1 : 0
  putStamp(tag, 2, { ms: entry.tagMs, counter: entry.tagCounter })
  return tag
}

export const valueBytes = (entry: EntryView): Uint8Array =>
  entry.value.subarray(entry.valueStart, entry.valueEnd)

/** Big-endian; by hand, because a `DataView` for each of four numbers costs more than the hash after it. */
function putUint32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24
  target[at + 1] = value >>> 16
  target[at + 2] = value >>> 8
  target[at + 3] = value
}

/** Hash of what a stamp stands for: the larger one wins between equal stamps. 32 bytes. */
export function valueHash(entry: EntryView, names: EntryNames): Uint8Array {
  const commitKey = commitKeyId(names.commitKey(entry.commitKey))
  return framedHash(domains.valueHash, tagBytes(entry), commitKey, valueBytes(entry))
}

/** What a commit key salts: key ‖ stamp, framed. */
export function saltInput(entry: EntryView, names: EntryNames): Uint8Array {
  return framed(domains.leafSalt, keyOf(entry), stampBytes(entry, names))
}

/**
 * The commitment inside a leaf, 32 bytes. `salt` is empty in the public trie. A leaf shows it beside its
 * path to prove another leaf's absence: without the salt nothing can be guessed from it.
 */
export function leafContent(entry: EntryView, names: EntryNames, salt: Uint8Array): Uint8Array {
  const commitKey = commitKeyId(names.commitKey(entry.commitKey))
  const stamp = stampBytes(entry, names)
  const tag = tagBytes(entry)
  return framedHash(domains.leafContent, salt, stamp, tag, commitKey, valueBytes(entry))
}

/** What the author of an entry that is its alone signs: everything but where it was batched. */
export function entrySigningBytes(
  network: NetworkId,
  entry: EntryView,
  names: EntryNames,
): Uint8Array {
  return framed(
    domains.entrySignature,
    bytesOfDigest(network),
    keyOf(entry),
    ...cellName(entry, names),
    stampBytes(entry, names),
    valueHash(entry, names),
  )
}

/** The node that a key `own/<node>/…` names; `null` if it names none, `undefined` if it is no such key. */
export function ownerInKey(key: string): string | null | undefined {
  if (!key.startsWith('own/')) return undefined
  const end = key.indexOf('/', 4)
  return end < 0 || end === key.length - 1 ? null : key.slice(4, end)
}

/**
 * Whether a slot of a counter, or an entry under `own/`, was signed by its author and touches that author's cells
 * alone; under `own/` the author is the node that the key names.
 */
export function isSignedByOwner(network: NetworkId, entry: EntryView, names: EntryNames): boolean {
  const author = names.author(entry.author)
  const key = fromUtf8(keyOf(entry))
  const owner = key === undefined ? null : ownerInKey(key)
  if (owner !== undefined && owner !== author) return false
  if (names.author(entry.tagAuthor) !== author || entry.signatureStart < 0) return false
  const { signature, signatureStart } = entry
  return verifySignature({
    publicKey: identityKey(author),
    message: entrySigningBytes(network, entry, names),
    signature: signature.subarray(signatureStart, signatureStart + signatureBytes),
  })
}
