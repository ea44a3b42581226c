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
 */
import { assert } from '../../base/errors.ts'
import { bitAt, emptyRoot, nodeHash, type ProofStep, pathBytes } from '../../wire/state-proof.ts'

const hashBytes = 32
const pathBits = 8 * pathBytes
const nothing = -1

/** Links are numbers: a node as it is, a leaf `row` as `-2 - row`, nothing as -1. */
const toLeaf = (row: number): number => -2 - row
const isLeaf = (link: number): boolean => link <= -2

export class Trie {
  readonly #pathOf: (row: number) => Uint8Array
  #left = new Int32Array(32)
  #right = new Int32Array(32)
  #bit = new Uint16Array(32)
  /** 1: the hash is out of date. */
  #marked = new Uint8Array(32)
  #hashes = new Uint8Array(32 * hashBytes)
  #free: number[] = []
  #nodes = 0
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
    const node = this.#takeNode()
    let link = this.#root
    let parent = nothing
    while (!isLeaf(link) && (this.#bit[link] ?? 0) < bit) {
      this.#marked[link] = 1
      parent = link
      link = this.#child(link, path)
    }
    const isRight = bitAt(path, bit) === 1
    this.#left[node] = isRight ? link : toLeaf(row)
    this.#right[node] = isRight ? toLeaf(row) : link
    this.#bit[node] = bit
    this.#marked[node] = 1
    if (parent === nothing) this.#root = node
    else this.#setChild(parent, path, node)
  }

  /** Says that the content of a leaf changed. */
  touch(path: Uint8Array): void {
    for (let link = this.#root; !isLeaf(link) && link !== nothing; link = this.#child(link, path)) {
      this.#marked[link] = 1
    }
  }

  /** Takes out a leaf that is in the trie. */
  remove(row: number, path: Uint8Array): void {
    let [grandparent, parent, link] = [nothing, nothing, this.#root]
    while (link !== nothing && !isLeaf(link)) {
      this.#marked[link] = 1
      grandparent = parent
      parent = link
      link = this.#child(link, path)
    }
    assert(link === toLeaf(row), 'a leaf that is removed is in the trie')
    if (parent === nothing) {
      this.#root = nothing
      return
    }
    const isRight = bitAt(path, this.#bit[parent] ?? 0) === 1
    const sibling = (isRight ? this.#left[parent] : this.#right[parent]) ?? nothing
    if (grandparent === nothing) this.#root = sibling
    else this.#setChild(grandparent, path, sibling)
    this.#free.push(parent)
  }

  /** The root, 32 fresh bytes. `leaf` gives the hash of a leaf, lent until its next call. */
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
      else open.push(this.#right[link] ?? nothing, this.#left[link] ?? nothing)
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
    while (link !== nothing && !isLeaf(link) && (this.#bit[link] ?? 0) < bits) {
      const bit = this.#bit[link] ?? 0
      const isRight = bitAt(path, bit) === 1
      const other = (isRight ? this.#left[link] : this.#right[link]) ?? nothing
      steps.push({ bit, sibling: this.#hashOf(other, leaf).slice() })
      link = this.#child(link, path)
    }
    while (link !== nothing && !isLeaf(link)) link = this.#left[link] ?? nothing
    return { steps, row: link === nothing ? -1 : -2 - link }
  }

  #linkUnder({ path, bits }: { readonly path: Uint8Array; readonly bits: number }): number {
    let link = this.#root
    if (link === nothing) return nothing
    while (!isLeaf(link) && (this.#bit[link] ?? 0) < bits) link = this.#child(link, path)
    let witness = link
    while (!isLeaf(witness)) witness = this.#left[witness] ?? nothing
    return startsAlike(this.#pathOf(-2 - witness), path, bits) ? link : nothing
  }

  /** Depth is at most the bits of a path: 320. */
  #hashOf(link: number, leaf: (row: number) => Uint8Array): Uint8Array {
    if (isLeaf(link)) return leaf(-2 - link)
    const start = link * hashBytes
    if (this.#marked[link] === 1) {
      const left = this.#hashOf(this.#left[link] ?? nothing, leaf).slice()
      const right = this.#hashOf(this.#right[link] ?? nothing, leaf)
      this.#hashes.set(nodeHash(this.#bit[link] ?? 0, left, right), start)
      this.#marked[link] = 0
    }
    return this.#hashes.subarray(start, start + hashBytes)
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

  #child(node: number, path: Uint8Array): number {
    const side = bitAt(path, this.#bit[node] ?? 0) === 1 ? this.#right : this.#left
    return side[node] ?? nothing
  }

  #setChild(node: number, path: Uint8Array, link: number): void {
    const side = bitAt(path, this.#bit[node] ?? 0) === 1 ? this.#right : this.#left
    side[node] = link
  }

  #takeNode(): number {
    const node = this.#free.pop() ?? this.#nodes++
    if (node === this.#left.length) this.#grow()
    return node
  }

  #grow(): void {
    const capacity = this.#left.length + (this.#left.length >> 1)
    const [left, right] = [new Int32Array(capacity), new Int32Array(capacity)]
    const [bit, marked] = [new Uint16Array(capacity), new Uint8Array(capacity)]
    const hashes = new Uint8Array(capacity * hashBytes)
    left.set(this.#left)
    right.set(this.#right)
    bit.set(this.#bit)
    marked.set(this.#marked)
    hashes.set(this.#hashes)
    this.#left = left
    this.#right = right
    this.#bit = bit
    this.#marked = marked
    this.#hashes = hashes
  }
}

function startsAlike(left: Uint8Array, right: Uint8Array, bits: number): boolean {
  for (let bit = 0; bit < bits; bit++) if (bitAt(left, bit) !== bitAt(right, bit)) return false
  return true
}
