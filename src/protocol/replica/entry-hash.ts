/**
 * What is hashed of an entry. Final: roots, proofs and ties rest on these bytes. Spec: docs/spec/replica.md.
 */
import { concatBytes, fromUtf8, uint64Bytes } from '../../base/bytes.ts'
import {
  bytesOfDigest,
  type Digest,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
} from '../../base/ids.ts'
import { framed, sha256 } from '../../crypto/hash.ts'
import { verifySignature } from '../../crypto/sign.ts'
import { domains } from '../../wire/domains.ts'
import { type EntryView, entryKind, signatureBytes } from '../../wire/entry.ts'

/** The names behind the numbers in a view. */
export interface EntryNames {
  author(index: number): NodeId
  commitKey(index: number): Digest
}

/** Bytes of a path in the tries: 16 of the key, so that all cells of a key share a subtree, 24 of the cell. */
export const pathBytes = 40
const keyPathBytes = 16

const empty = new Uint8Array(0)
const keyCache = new Map<NodeId, Uint8Array>()
const keyCacheMax = 1024

/** The identity key of a node id, lent; base58 is slow, so the latest are kept. */
export function identityKey(node: NodeId): Uint8Array {
  const known = keyCache.get(node)
  if (known !== undefined) return known
  if (keyCache.size === keyCacheMax) keyCache.clear()
  const key = keyOfNodeId(node)
  keyCache.set(node, key)
  return key
}

export function keyOf(entry: EntryView): Uint8Array {
  return entry.key.subarray(entry.keyStart, entry.keyEnd)
}

/** What names the cell within its key: kind, and in a set element and tag author. */
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
 * 16 bytes that depend on the key alone, so that one subtree shows or excludes all that a key holds.
 */
export function leafPath(entry: EntryView, names: EntryNames): Uint8Array {
  const key = keyOf(entry)
  const path = new Uint8Array(pathBytes)
  path.set(sha256(framed(domains.triePath, key)).subarray(0, keyPathBytes))
  const cell = sha256(framed(domains.triePath, key, ...cellName(entry, names)))
  path.set(cell.subarray(0, pathBytes - keyPathBytes), keyPathBytes)
  return path
}

/** A stamp: ms, counter, identity key of its author. 48 bytes. */
export function stampBytes(entry: EntryView, names: EntryNames): Uint8Array {
  return concatBytes(
    uint64Bytes(entry.ms),
    uint64Bytes(entry.counter),
    identityKey(names.author(entry.author)),
  )
}

/** Hash of what a stamp stands for: the larger one wins between equal stamps. 32 bytes. */
export function valueHash(entry: EntryView, names: EntryNames): Uint8Array {
  const tag = concatBytes(
    Uint8Array.of(entry.kind, entry.isRemoved ? 1 : 0),
    uint64Bytes(entry.tagMs),
    uint64Bytes(entry.tagCounter),
  )
  return sha256(
    framed(
      domains.valueHash,
      tag,
      bytesOfDigest(names.commitKey(entry.commitKey)),
      entry.value.subarray(entry.valueStart, entry.valueEnd),
    ),
  )
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
  return sha256(
    framed(domains.leafContent, salt, stampBytes(entry, names), valueHash(entry, names)),
  )
}

/** What the author of an entry under its own prefix signs: everything but where it was batched. */
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

/** Whether an entry under `own/` was signed by the node that its key names, and touches that node's cells alone. */
export function isSignedByOwner(network: NetworkId, entry: EntryView, names: EntryNames): boolean {
  const author = names.author(entry.author)
  const key = fromUtf8(keyOf(entry))
  if (key === undefined || ownerInKey(key) !== author) return false
  if (names.author(entry.tagAuthor) !== author || entry.signatureStart < 0) return false
  const { signature, signatureStart } = entry
  return verifySignature({
    publicKey: identityKey(author),
    message: entrySigningBytes(network, entry, names),
    signature: signature.subarray(signatureStart, signatureStart + signatureBytes),
  })
}
