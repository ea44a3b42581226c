/** The nodes of a trie, one typed array per field, with a hash of 32 bytes each or without. */
import { enlarged, grownCapacity } from './columns.ts'

const hashBytes = 32
const firstCapacity = 32
/** Beside the nine bits of a bit number: the hash is out of date. */
const markedBit = 0x8000

export class TrieNodes {
  /** Links to the children. */
  left = new Int32Array(firstCapacity)
  right = new Int32Array(firstCapacity)
  #bits = new Uint16Array(firstCapacity)
  #hashes: Uint8Array | undefined
  readonly #free: number[] = []
  #used = 0

  constructor(keeps: 'hashes' | 'no hashes') {
    if (keeps === 'hashes') this.#hashes = new Uint8Array(firstCapacity * hashBytes)
  }

  /** A node whose children part at `bit`, out of date. */
  take(bit: number): number {
    const node = this.#free.pop() ?? this.#used++
    if (node === this.left.length) this.#grow()
    this.#bits[node] = bit | markedBit
    return node
  }

  release(node: number): void {
    this.#free.push(node)
  }

  bit(node: number): number {
    return (this.#bits[node] ?? 0) & ~markedBit
  }

  isMarked(node: number): boolean {
    return ((this.#bits[node] ?? 0) & markedBit) !== 0
  }

  mark(node: number): void {
    this.#bits[node] = (this.#bits[node] ?? 0) | markedBit
  }

  /** The hash of a node that is not marked, lent. */
  hash(node: number): Uint8Array {
    return (this.#hashes ?? none).subarray(node * hashBytes, (node + 1) * hashBytes)
  }

  /** Keeps the hash of a node, which then is not marked. */
  keep(node: number, hash: Uint8Array): void {
    this.#hashes?.set(hash, node * hashBytes)
    this.#bits[node] = this.bit(node)
  }

  #grow(): void {
    const capacity = grownCapacity(this.left.length)
    this.left = enlarged(this.left, new Int32Array(capacity))
    this.right = enlarged(this.right, new Int32Array(capacity))
    this.#bits = enlarged(this.#bits, new Uint16Array(capacity))
    if (this.#hashes === undefined) return
    this.#hashes = enlarged(this.#hashes, new Uint8Array(capacity * hashBytes))
  }
}

const none = new Uint8Array(0)
