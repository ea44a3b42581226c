/**
 * A hash trie: binary, without nodes of one child, so that equal sets of leaves give equal tries whatever
 * the order of arrival. n leaves make n - 1 nodes.
 *
 * A node commits to the bit at which its children part and to both children; a leaf to its path. Bits rise
 * from the root down. So a proof is the list of (bit, sibling), of inclusion and of exclusion alike: whoever
 * follows the bits of an absent path arrives at a leaf with another path, and the bits of that path show
 * that nothing can lie between.
 *
 * Shape now, hash when asked: an insertion or a change marks its way from the root, `root` hashes what is
 * marked. Between two heartbeats a path is hashed once however many writes it saw.
 *
 * Two thirds of all nodes have at most four leaves. These small ones keep no hash: it is made of their leaves when the
 * node above is hashed, at most three hashes again for 21 bytes less of every entry.
 */
import { assert } from '../../base/errors.ts'
import { bitAt, emptyRoot, nodeHash, type ProofStep, pathBytes } from '../../wire/state-proof.ts'
import { TrieNodes } from './trie-nodes.ts'

const pathBits = 8 * pathBytes
/** Leaves under a node that keeps no hash, at most. */
const smallLeavesMax = 4
const nothing = -1

/** Links are numbers: a leaf `row` as `-2 - row`, a large node twice its number, a small one that and 1. */
const toLeaf = (row: number): number => -2 - row
const isLeaf = (link: number): boolean => link <= -2
const isSmall = (link: number): boolean => (link & 1) === 1

/** A leaf of the trie as it is to be taken for: of another hash, or not there. */
export interface OtherLeaf {
  readonly row: number
  readonly path: Uint8Array
  readonly hash: Uint8Array | undefined
}

export class Trie {
  readonly #pathOf: (row: number) => Uint8Array
  readonly #large = new TrieNodes('hashes')
  readonly #small = new TrieNodes('no hashes')
  #root = nothing

  /** `pathOf` gives the path of the leaf of a row that is in the trie, 40 bytes, lent. */
  constructor(pathOf: (row: number) => Uint8Array) {
    this.#pathOf = pathOf
  }

  /** Adds a leaf that is not in the trie. */
  insert(row: number, path: Uint8Array): void {
    if (this.#root === nothing) {
      this.#root = toLeaf(row)
      return
    }
    const bit = this.#partingBit(path)
    let link = this.#root
    let parent = nothing
    while (!isLeaf(link) && this.#bitOf(link) < bit) {
      // Only the uppermost small node on the way can grow large: what is below it has fewer leaves.
      if (isSmall(link) && !(parent !== nothing && isSmall(parent))) {
        link = this.#enlarged(link, parent, path)
      }
      this.#nodesOf(link).mark(link >> 1)
      parent = link
      link = this.#child(link, path)
    }
    const node = this.#take(bit, this.#leavesUnder(link) < smallLeavesMax)
    const [left, right] = bitAt(path, bit) === 1 ? [link, toLeaf(row)] : [toLeaf(row), link]
    this.#setChildren(node, left, right)
    this.#hang(parent, path, node)
  }

  /** Says that the content of a leaf changed. */
  touch(path: Uint8Array): void {
    for (let link = this.#root; !isLeaf(link) && link !== nothing; link = this.#child(link, path)) {
      this.#nodesOf(link).mark(link >> 1)
    }
  }

  /** Takes out a leaf that is in the trie. */
  remove(row: number, path: Uint8Array): void {
    let [grandparent, parent, link] = [nothing, nothing, this.#root]
    while (link !== nothing && !isLeaf(link)) {
      this.#nodesOf(link).mark(link >> 1)
      grandparent = parent
      parent = link
      link = this.#child(link, path)
    }
    assert(link === toLeaf(row), 'a leaf that is removed is in the trie')
    if (parent === nothing) {
      this.#root = nothing
      return
    }
    this.#hang(grandparent, path, this.#otherChild(parent, path))
    // A large node left with few leaves stays large: it costs its 32 bytes and goes with its last leaf but one.
    this.#nodesOf(parent).release(parent >> 1)
  }

  /** The root, 32 fresh bytes. `leaf` gives the hash of a leaf, lent until the trie changes. */
  root(leaf: (row: number) => Uint8Array): Uint8Array {
    return this.#root === nothing ? emptyRoot() : this.#hashOf(this.#root, leaf).slice()
  }

  /** The hash over all leaves whose paths start with these bits, lent; `undefined` if there are none. */
  hashUnder(
    branch: { readonly path: Uint8Array; readonly bits: number },
    leaf: (row: number) => Uint8Array,
  ): Uint8Array | undefined {
    const link = this.#linkUnder(branch)
    return link === nothing ? undefined : this.#hashOf(link, leaf)
  }

  /** The rows of those leaves, at most `max`. */
  rowsUnder(branch: { readonly path: Uint8Array; readonly bits: number }, max: number): number[] {
    const rows: number[] = []
    const open = [this.#linkUnder(branch)]
    for (let link = open.pop(); link !== undefined && rows.length < max; link = open.pop()) {
      if (link === nothing) break
      if (isLeaf(link)) rows.push(-2 - link)
      else open.push(this.#rightOf(link), this.#leftOf(link))
    }
    return rows
  }

  /**
   * The way down along `path` as far as nodes part above bit `bits`, and one row below its end; `row` is -1 in a
   * trie without leaves. As of the last `root`.
   */
  way(
    { path, bits }: { readonly path: Uint8Array; readonly bits: number },
    leaf: (row: number) => Uint8Array,
  ): { readonly steps: readonly ProofStep[]; readonly row: number } {
    const steps: ProofStep[] = []
    let link = this.#root
    while (link !== nothing && !isLeaf(link) && this.#bitOf(link) < bits) {
      const sibling = this.#hashOf(this.#otherChild(link, path), leaf).slice()
      steps.push({ bit: this.#bitOf(link), sibling })
      link = this.#child(link, path)
    }
    while (link !== nothing && !isLeaf(link)) link = this.#leftOf(link)
    return { steps, row: link === nothing ? -1 : -2 - link }
  }

  /** The root if `others` were so, which are leaves in the order of their paths; the trie stays as it is. */
  rootWith(others: readonly OtherLeaf[], leaf: (row: number) => Uint8Array): Uint8Array {
    const hash = this.#root === nothing ? undefined : this.#hashWith(this.#root, others, leaf)
    return hash?.slice() ?? emptyRoot()
  }

  /** As `way`, if `others` were so; `row` is -1 if no leaf is left. */
  wayWith(
    { path, bits }: { readonly path: Uint8Array; readonly bits: number },
    others: readonly OtherLeaf[],
    leaf: (row: number) => Uint8Array,
  ): { readonly steps: readonly ProofStep[]; readonly row: number } {
    const steps: ProofStep[] = []
    let [link, here] = [this.#root, others]
    while (link !== nothing && !isLeaf(link) && this.#bitOf(link) < bits) {
      const bit = this.#bitOf(link)
      const sides = split(here, bit)
      const children = [this.#leftOf(link), this.#rightOf(link)] as const
      const mine = bitAt(path, bit) === 1 ? 1 : 0
      const beside = mine === 1 ? 0 : 1
      const sibling = this.#hashWith(children[beside], sides[beside], leaf)?.slice()
      const isHere = this.#firstWith(children[mine], sides[mine]) >= 0
      // A node with one child left is none: the way goes on in that child.
      const to = isHere ? mine : beside
      if (isHere && sibling !== undefined) steps.push({ bit, sibling })
      link = children[to]
      here = sides[to]
    }
    return { steps, row: link === nothing ? -1 : this.#firstWith(link, here) }
  }

  /** The hash under a link if `others`, which are all under it, were so; lent. `undefined` if no leaf is left. */
  #hashWith(
    link: number,
    others: readonly OtherLeaf[],
    leaf: (row: number) => Uint8Array,
  ): Uint8Array | undefined {
    if (others.length === 0) return this.#hashOf(link, leaf)
    if (isLeaf(link)) return others[0]?.hash
    const bit = this.#bitOf(link)
    const [below, above] = split(others, bit)
    const left = this.#hashWith(this.#leftOf(link), below, leaf)
    const right = this.#hashWith(this.#rightOf(link), above, leaf)
    return left === undefined || right === undefined ? (left ?? right) : nodeHash(bit, left, right)
  }

  /** The row of the first leaf under a link that is there if `others` were so, or -1. */
  #firstWith(link: number, others: readonly OtherLeaf[]): number {
    if (isLeaf(link)) return others.length > 0 && others[0]?.hash === undefined ? -1 : -2 - link
    const [below, above] = split(others, this.#bitOf(link))
    const first = this.#firstWith(this.#leftOf(link), below)
    return first >= 0 ? first : this.#firstWith(this.#rightOf(link), above)
  }

  #linkUnder({ path, bits }: { readonly path: Uint8Array; readonly bits: number }): number {
    let link = this.#root
    if (link === nothing) return nothing
    while (!isLeaf(link) && this.#bitOf(link) < bits) link = this.#child(link, path)
    let witness = link
    while (!isLeaf(witness)) witness = this.#leftOf(witness)
    return startsAlike(this.#pathOf(-2 - witness), path, bits) ? link : nothing
  }

  /** Depth is at most the bits of a path: 320. */
  #hashOf(link: number, leaf: (row: number) => Uint8Array): Uint8Array {
    if (isLeaf(link)) return leaf(-2 - link)
    const node = link >> 1
    if (!isSmall(link) && !this.#large.isMarked(node)) return this.#large.hash(node)
    const left = this.#hashOf(this.#leftOf(link), leaf)
    const right = this.#hashOf(this.#rightOf(link), leaf)
    const hash = nodeHash(this.#bitOf(link), left, right)
    if (!isSmall(link)) this.#large.keep(node, hash)
    return hash
  }

  /** The first bit at which `path` differs from the leaf that its bits lead to. */
  #partingBit(path: Uint8Array): number {
    let link = this.#root
    while (!isLeaf(link)) link = this.#child(link, path)
    const other = this.#pathOf(-2 - link)
    let byte = 0
    while (byte < pathBytes && path[byte] === other[byte]) byte++
    const difference = (path[byte] ?? 0) ^ (other[byte] ?? 0)
    const bit = 8 * byte + Math.clz32(difference) - 24
    // Two cells on one path would take a collision of 192 bits beside one of 128.
    assert(bit < pathBits, 'no two cells have one path')
    return bit
  }

  #nodesOf(link: number): TrieNodes {
    return isSmall(link) ? this.#small : this.#large
  }

  #bitOf(link: number): number {
    return this.#nodesOf(link).bit(link >> 1)
  }

  #leftOf(link: number): number {
    return this.#nodesOf(link).left[link >> 1] ?? nothing
  }

  #rightOf(link: number): number {
    return this.#nodesOf(link).right[link >> 1] ?? nothing
  }

  #child(link: number, path: Uint8Array): number {
    return bitAt(path, this.#bitOf(link)) === 1 ? this.#rightOf(link) : this.#leftOf(link)
  }

  #otherChild(link: number, path: Uint8Array): number {
    return bitAt(path, this.#bitOf(link)) === 1 ? this.#leftOf(link) : this.#rightOf(link)
  }

  /** Puts `link` where `path` goes from `parent`, or at the root. */
  #hang(parent: number, path: Uint8Array, link: number): void {
    if (parent === nothing) {
      this.#root = link
      return
    }
    const nodes = this.#nodesOf(parent)
    const side = bitAt(path, this.#bitOf(parent)) === 1 ? nodes.right : nodes.left
    side[parent >> 1] = link
  }

  #setChildren(link: number, left: number, right: number): void {
    const nodes = this.#nodesOf(link)
    nodes.left[link >> 1] = left
    nodes.right[link >> 1] = right
  }

  #take(bit: number, asSmall: boolean): number {
    return asSmall ? 2 * this.#small.take(bit) + 1 : 2 * this.#large.take(bit)
  }

  /** The link of a small node that is to have one leaf more: a large one's from now on, if that is too many. */
  #enlarged(link: number, parent: number, path: Uint8Array): number {
    if (this.#leavesUnder(link) < smallLeavesMax) return link
    const large = this.#take(this.#bitOf(link), false)
    this.#setChildren(large, this.#leftOf(link), this.#rightOf(link))
    this.#small.release(link >> 1)
    this.#hang(parent, path, large)
    return large
  }

  /** Leaves under a leaf or a small node; under a large one it may be more than this. */
  #leavesUnder(link: number): number {
    if (isLeaf(link)) return 1
    if (!isSmall(link)) return smallLeavesMax
    return this.#leavesUnder(this.#leftOf(link)) + this.#leavesUnder(this.#rightOf(link))
  }
}

/** Those whose path has 0 at the bit, and those that have 1: paths in order, alike in all bits before. */
function split(
  leaves: readonly OtherLeaf[],
  bit: number,
): readonly [readonly OtherLeaf[], readonly OtherLeaf[]] {
  if (leaves.length === 0) return [leaves, leaves]
  const first = leaves.findIndex(({ path }) => bitAt(path, bit) === 1)
  const at = first < 0 ? leaves.length : first
  return [leaves.slice(0, at), leaves.slice(at)]
}

function startsAlike(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) if (bitAt(left, bit) !== bitAt(right, bit)) return false
  return true
}
