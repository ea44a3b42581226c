/**
 * What the leaves of a proof mean: the same as a read of the key on a node that holds them. Pure, for light clients too.
 */
import { inOrder } from '../base/bytes.ts'
import { type EntryKind, entryKind, slotBytes } from './entry.ts'
import { slotValue } from './slot.ts'
import { type KeyClaim, type KeyProof, type OpenLeaf, verifyKeyProof } from './state-proof.ts'

/**
 * What a key holds. A register has one value; a set its elements and a multi-value register its values, in byte
 * order, each once; a counter a whole number that may exceed a safe integer.
 */
export type ProvenContent =
  | { readonly kind: 'register'; readonly value: Uint8Array }
  | { readonly kind: 'set'; readonly elements: readonly Uint8Array[] }
  | { readonly kind: 'multi'; readonly values: readonly Uint8Array[] }
  | { readonly kind: 'counter'; readonly value: bigint }

/**
 * What `proof` shows that the key of `claim` holds under its root: `null` if nothing is there or all of it was removed,
 * `undefined` if the proof shows nothing. As with `verifyKeyProof`, the caller knows in which trie the key must stand.
 */
export function provenContent(proof: KeyProof, claim: KeyClaim): ProvenContent | null | undefined {
  const leaves = verifyKeyProof(proof, claim)
  if (leaves === undefined || !leaves.every(isEntry)) return undefined
  const live = leaves.filter(({ tag }) => tag[1] === 0)
  // Of several kinds under one key a read shows the first that holds anything.
  const kind = kinds.find(candidate => live.some(leaf => leaf.tag[0] === candidate))
  const shown = live.filter(leaf => leaf.tag[0] === kind)
  switch (kind) {
    case undefined:
      return null
    case entryKind.register:
      return { kind: 'register', value: shown[0]?.value ?? new Uint8Array(0) }
    case entryKind.set:
      return { kind: 'set', elements: inOrder(shown.map(({ element }) => element)) }
    case entryKind.multi:
      return { kind: 'multi', values: inOrder(shown.map(({ value }) => value)) }
    case entryKind.counter:
      return {
        kind: 'counter',
        value: shown.reduce((sum, leaf) => sum + slotValue(leaf.value), 0n),
      }
  }
}

const kinds: readonly EntryKind[] = [
  entryKind.register,
  entryKind.set,
  entryKind.multi,
  entryKind.counter,
]

/** Whether a leaf is one that an honest node can commit to: others stand under roots of liars only. */
function isEntry({ tag, value }: OpenLeaf): boolean {
  const [kind, removed = 2] = tag
  if (!kinds.some(known => known === kind) || removed > 1) return false
  return kind !== entryKind.counter || (removed === 0 && value.length === slotBytes)
}
