/** Makes the proof of what a key holds; `wire/state-proof.ts` verifies it. */
import { utf8 } from '../../base/bytes.ts'
import { framedHash } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { blankEntry, type EntryView } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import { type OpenLeaf, type ProofEnd, pathBytes } from '../../wire/state-proof.ts'
import type { Core } from './core.ts'
import {
  cellParts,
  commitKeyId,
  type EntryNames,
  leafContent,
  leafPath,
  saltInput,
  stampBytes,
  tagBytes,
  valueBytes,
} from './entry-hash.ts'
import type { ProofRefusal, ProvenKey, ReplicaRoots } from './types.ts'

/** Bits of a path that the key alone decides. */
export const keyBits = 128

/**
 * The proof under `roots`, which must be those of this moment, and the root. The leaves of a private key are opened
 * with their salts: for members and authorised clients only.
 */
export function proveKey(
  core: Core,
  roots: ReplicaRoots | undefined,
  key: string,
): ProvenKey | ProofRefusal {
  if (key === '' || !key.isWellFormed()) return 'BAD_KEY'
  if (utf8(key).length > limits.stateKeyBytesMax) return 'KEY_TOO_LONG'
  if (roots === undefined) return 'PROOF_NOT_READY'
  const { commitment, map } = core
  const path = new Uint8Array(pathBytes)
  path.set(framedHash(domains.triePath, utf8(key)))
  const isPublic = map.cells.isPublicKey(utf8(key))
  const branch = { isPublic, bits: keyBits, path }
  const otherRoot = isPublic ? roots.privateRoot : roots.publicRoot
  const rows = commitment.rowsUnder(branch, limits.proofLeavesMax + 1)
  if (rows.length > limits.proofLeavesMax) return 'PROOF_TOO_LARGE'
  if (rows.length > 0) {
    const leaves: OpenLeaf[] = []
    for (const row of rows) {
      const leaf = openLeaf(core, row, isPublic)
      if (leaf === undefined) return 'PROOF_NOT_READY'
      leaves.push(leaf)
    }
    const end: ProofEnd = { kind: 'leaves', leaves }
    const { steps } = commitment.way(branch)
    return { proof: { isPublic, otherRoot, steps, end }, root: roots.root }
  }
  const found = commitment.way(branch)
  if (found.row < 0) {
    const end: ProofEnd = { kind: 'nothing' }
    return { proof: { isPublic, otherRoot, steps: [], end }, root: roots.root }
  }
  // On to a leaf: where the key's bits end, that leaf's own lead.
  const entry = blankEntry()
  map.cells.read(found.row, entry)
  const foreign = leafPath(entry, map)
  const salt = saltOf(core, found.row, isPublic)
  if (salt === undefined) return 'PROOF_NOT_READY'
  const content = leafContent(entry, map, salt)
  const { steps } = commitment.way({ isPublic, bits: 8 * pathBytes, path: foreign })
  const end: ProofEnd = { kind: 'foreign', path: foreign, content }
  return { proof: { isPublic, otherRoot, steps, end }, root: roots.root }
}

function openLeaf(core: Core, row: number, isPublic: boolean): OpenLeaf | undefined {
  const salt = saltOf(core, row, isPublic)
  if (salt === undefined) return undefined
  const entry = blankEntry()
  core.map.cells.read(row, entry)
  return openedLeaf(entry, core.map, salt)
}

/** The leaf of an entry with all that is hashed in it; shares no memory with the entry but the names of its cell. */
export function openedLeaf(entry: EntryView, names: EntryNames, salt: Uint8Array): OpenLeaf {
  return {
    salt,
    stamp: stampBytes(entry, names),
    tag: tagBytes(entry),
    commitKey: commitKeyId(names.commitKey(entry.commitKey)).slice(),
    value: valueBytes(entry).slice(),
    ...cellParts(entry, names),
  }
}

function saltOf(core: Core, row: number, isPublic: boolean): Uint8Array | undefined {
  if (isPublic) return new Uint8Array(0)
  const { map, ports } = core
  const entry = blankEntry()
  map.cells.read(row, entry)
  return ports.commitSalt(map.commitKey(entry.commitKey), saltInput(entry, map))
}
