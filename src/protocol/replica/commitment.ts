/**
 * The state root: what a node says it holds, 32 bytes, the same on every node that holds the same entries.
 *
 * Two tries under one root. `public` holds the entries under public prefixes, for light clients. `private`
 * holds the rest, each leaf hidden by a salt that only holders of its commit key can make; the salt follows
 * from the entry, so it never changes while the entry stands. Tombstones are entries.
 *
 * Lazy: a write costs one number in a list here, and the hashing waits for the next heartbeat, so an entry
 * that is overwritten a thousand times between two beats is hashed once.
 */
import type { Digest } from '../../base/ids.ts'
import { blankEntry } from '../../wire/entry.ts'
import { leafHash, type ProofStep, stateRoot } from '../../wire/state-proof.ts'
import { enlarged, grownCapacity, rowFlag } from './columns.ts'
import { leafContent, leafPath, saltInput } from './entry-hash.ts'
import type { EntryListener, EntryMap } from './lattice.ts'
import { RowItems } from './row-items.ts'
import { type OtherLeaf, Trie } from './trie.ts'
import type { ReplicaRoots } from './types.ts'

const hashBytes = 32
const isPlaced = 1
const isDirty = 2
const noSalt = new Uint8Array(0)

/** The part of a trie below the first `bits` bits of `path`. */
export interface TrieBranch {
  readonly isPublic: boolean
  readonly bits: number
  readonly path: Uint8Array
}

/** Leaves that are to be taken for others, by trie. */
export interface OtherLeaves {
  readonly public: readonly OtherLeaf[]
  readonly private: readonly OtherLeaf[]
}

export class Commitment implements EntryListener {
  /** The sketch over the same entries as the tries, as far as they are hashed. */
  readonly items: RowItems
  readonly #map: EntryMap
  readonly #salt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined
  readonly #public = new Trie(row => this.#path(row))
  readonly #private = new Trie(row => this.#path(row))
  readonly #entry = blankEntry()
  /** Rows whose leaf may be out of date; what the marks do not confirm is passed over. */
  #dirty: number[] = []
  /** Per row, whether its leaf stands in a trie, and whether it is out of date. */
  #marks = new Uint8Array(32)
  #leaves = new Uint8Array(32 * hashBytes)
  #known: ReplicaRoots | undefined
  #changes = 0

  /** `salt` as in `ReplicaPorts.commitSalt`. */
  constructor(
    map: EntryMap,
    salt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined,
  ) {
    this.#map = map
    this.#salt = salt
    this.items = new RowItems(salt)
  }

  /** Rises with every changed entry. */
  get changes(): number {
    return this.#changes
  }

  changed(row: number): void {
    this.#changes++
    this.#known = undefined
    this.#reserveMark(row)
    const marks = this.#marks[row] ?? 0
    if ((marks & isDirty) !== 0) return
    this.#marks[row] = marks | isDirty
    this.#dirty.push(row)
  }

  erasing(row: number): void {
    this.#known = undefined
    const isInTrie = ((this.#marks[row] ?? 0) & isPlaced) !== 0
    this.#marks[row] = 0
    this.items.drop(row)
    if (isInTrie) this.#trieOf(row).remove(row, this.#path(row))
  }

  /** Moves the leaves of keys whose prefix became public, or ceased to be. */
  reclassify(): void {
    const { cells } = this.#map
    for (let row = 0; row < cells.rowCount; row++) {
      if (!cells.has(row, rowFlag.isTaken)) continue
      const isPlacedHere = cells.has(row, rowFlag.isEntry)
      const was = this.#marks[row] ?? 0
      if (!cells.reclassify(row) || !isPlacedHere) continue
      if ((was & isPlaced) !== 0) this.#otherTrie(row).remove(row, this.#path(row))
      this.#marks[row] = 0
      this.changed(row)
    }
  }

  /** Leaves that are out of date, at most: what `roots` would have to hash. */
  get pending(): number {
    return this.#dirty.length
  }

  /** Hashes at most `leavesMax` leaves, so that a later `roots` has less to do. */
  advance(leavesMax: number): void {
    for (let left = leavesMax; left > 0 && this.#dirty.length > 0; left--) {
      const row = this.#dirty.at(-1)
      if (row !== undefined && ((this.#marks[row] ?? 0) & isDirty) !== 0) {
        if (!this.#hash(row)) return
      }
      this.#dirty.pop()
    }
    // An array that was popped empty keeps its room.
    if (this.#dirty.length === 0) this.#dirty = []
  }

  /** Hashes all leaves that are out of date if they are at most `leavesMax`; `false` if some remain so. */
  settle(leavesMax: number): boolean {
    if (this.pending <= leavesMax) this.advance(leavesMax)
    return this.pending === 0
  }

  /** The roots, or the commit key that is missing to know them. Hashes what changed since the last call. */
  roots(): ReplicaRoots | { readonly missing: Digest } {
    if (this.#known !== undefined) return this.#known
    this.advance(Number.POSITIVE_INFINITY)
    const waiting = this.#dirty.at(-1)
    if (waiting !== undefined) return { missing: this.#commitKeyOf(waiting) }
    const publicRoot = this.#public.root(this.#leafOf)
    const privateRoot = this.#private.root(this.#leafOf)
    this.#known = { root: stateRoot(publicRoot, privateRoot), publicRoot, privateRoot }
    return this.#known
  }

  /** The hash of the leaf of a row, fresh; `undefined` unless it is up to date. */
  leafOf(row: number): Uint8Array | undefined {
    return this.#marks[row] === isPlaced ? this.#leafOf(row).slice() : undefined
  }

  /** The hash over a branch of a trie as of the last `roots`, lent; `undefined` if nothing is there. */
  hashUnder(branch: TrieBranch): Uint8Array | undefined {
    return this.#trieFor(branch).hashUnder(branch, this.#leafOf)
  }

  /** As `Trie.way`. */
  way(branch: TrieBranch): { readonly steps: readonly ProofStep[]; readonly row: number } {
    return this.#trieFor(branch).way(branch, this.#leafOf)
  }

  /** The roots if some leaves were others, in the order of their paths; as of the last `roots`. */
  rootsWith(others: OtherLeaves): ReplicaRoots {
    const publicRoot = this.#public.rootWith(others.public, this.#leafOf)
    const privateRoot = this.#private.rootWith(others.private, this.#leafOf)
    return { root: stateRoot(publicRoot, privateRoot), publicRoot, privateRoot }
  }

  /** As `Trie.wayWith`, in the public trie. */
  publicWayWith(
    branch: Omit<TrieBranch, 'isPublic'>,
    others: readonly OtherLeaf[],
  ): { readonly steps: readonly ProofStep[]; readonly row: number } {
    return this.#public.wayWith(branch, others, this.#leafOf)
  }

  /** The rows under a branch, at most `max`. */
  rowsUnder(branch: TrieBranch, max: number): number[] {
    return this.#trieFor(branch).rowsUnder(branch, max)
  }

  readonly #leafOf = (row: number): Uint8Array =>
    this.#leaves.subarray(row * hashBytes, (row + 1) * hashBytes)

  #trieFor(branch: TrieBranch): Trie {
    return branch.isPublic ? this.#public : this.#private
  }

  /** Hashes the leaf of a row and marks its way; `false` while its commit key is missing. */
  #hash(row: number): boolean {
    const entry = this.#entry
    this.#map.cells.read(row, entry)
    let salt: Uint8Array = noSalt
    const commitKey = this.#map.commitKey(entry.commitKey)
    if (!this.#map.cells.has(row, rowFlag.isPublic)) {
      const made = this.#salt(commitKey, saltInput(entry, this.#map))
      if (made === undefined) return false
      salt = made
    }
    const path = leafPath(entry, this.#map)
    const content = leafContent(entry, this.#map, salt)
    const hash = leafHash(path, content)
    // A public leaf needs no key, its item does; without it the sketch would not tell what the root tells.
    if (!this.items.put(row, { commitKey, ms: entry.ms }, { path, hash })) return false
    this.#reserveLeaf(row)
    this.#leaves.set(hash, row * hashBytes)
    if (((this.#marks[row] ?? 0) & isPlaced) !== 0) this.#trieOf(row).touch(path)
    else this.#trieOf(row).insert(row, path)
    this.#marks[row] = isPlaced
    return true
  }

  #commitKeyOf(row: number): Digest {
    return this.#map.commitKey(this.#map.cells.columns.commitKey.at(row))
  }

  #trieOf(row: number): Trie {
    return this.#map.cells.has(row, rowFlag.isPublic) ? this.#public : this.#private
  }

  #otherTrie(row: number): Trie {
    return this.#map.cells.has(row, rowFlag.isPublic) ? this.#private : this.#public
  }

  #path(row: number): Uint8Array {
    this.#map.cells.read(row, this.#entry)
    return leafPath(this.#entry, this.#map)
  }

  #reserveMark(row: number): void {
    if (row < this.#marks.length) return
    const capacity = Math.max(row + 1, grownCapacity(this.#marks.length))
    this.#marks = enlarged(this.#marks, new Uint8Array(capacity))
  }

  /** Not before there is a hash to keep: a table that fills before it is hashed would be copied at each of its growths. */
  #reserveLeaf(row: number): void {
    const capacity = this.#leaves.length / hashBytes
    if (row < capacity) return
    const bytes = Math.max(row + 1, grownCapacity(capacity)) * hashBytes
    this.#leaves = enlarged(this.#leaves, new Uint8Array(bytes))
  }
}
