/**
 * The item of each entry in the sketch: 48 bits, 24 of the cell, 8 of the time, 16 of the whole leaf.
 *
 * An entry that was overwritten at one side gives two items, the old one there and the new one here. They
 * share the bits of their cell, and the bits of time say which of the two is newer, so that only that one
 * travels. In doubt both do; a wrong guess costs bytes and never an entry.
 *
 * Keyed by a hash that only holders of the entry's commit key know: nobody outside can choose entries
 * whose items collide. Decision 0011 says why it is not an HMAC for each entry.
 */
import type { Digest } from '../../base/ids.ts'
import { framed } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import { limits } from '../../wire/limits.ts'
import { enlarged, grownCapacity } from './columns.ts'
import { type RowHash, rowHash } from './row-hash.ts'
import { type Item, idOf, itemOf, Sketch } from './sketch.ts'

/** One unit of time in an item, ms: eight bits of them are 36 hours, more than a prune floor. */
const unit = 512_000
const units = 256
/** Keyed hashes remembered: more commit keys than live entries ever name at once. */
const hashesMax = 64

/** Symbols at first, and the number of entries from which on there are all of them: 256 KiB a replica. */
const [symbolsAtFirst, entriesAtFirst] = [1024, 512]

export class RowItems {
  #sketch = new Sketch(symbolsAtFirst)
  readonly #salt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined
  readonly #hashes = new Map<Digest, RowHash>()
  /** Per row: cell and time of its item, and 16 bits of the leaf; the check follows from them. */
  #high = new Uint32Array(32)
  #leaf = new Uint16Array(32)
  /** One bit a row: it has an item. */
  #present = new Uint8Array(4)

  /** `salt` as in `ReplicaPorts.commitSalt`. */
  constructor(salt: (commitKey: Digest, data: Uint8Array) => Uint8Array | undefined) {
    this.#salt = salt
  }

  get sketch(): Sketch {
    return this.#sketch
  }

  /** Puts the item of a row in the place of the one it had; `false` while the commit key is not held. */
  put(
    row: number,
    entry: { readonly commitKey: Digest; readonly ms: number },
    leaf: { readonly path: Uint8Array; readonly hash: Uint8Array },
  ): boolean {
    const hash = this.#hashOf(entry.commitKey)
    if (hash === undefined) return false
    this.drop(row)
    this.#reserve(row)
    const cell = hash(0, 0, whole(leaf.path)) >>> 8
    const item = itemOf(
      ((cell << 8) | timeBits(entry.ms)) >>> 0,
      hash(1, 0, whole(leaf.hash)) >>> 16,
    )
    this.#high[row] = item.high
    this.#leaf[row] = item.low >>> 16
    this.#present[row >> 3] = (this.#present[row >> 3] ?? 0) | (1 << (row & 7))
    this.#sketch.add(item, 1)
    const isFull = this.#sketch.count === entriesAtFirst && this.#sketch.length === symbolsAtFirst
    if (isFull) this.#grow()
    return true
  }

  /** Takes the item of a row out, if it has one. */
  drop(row: number): void {
    if (!this.#has(row)) return
    this.#present[row >> 3] = (this.#present[row >> 3] ?? 0) & ~(1 << (row & 7))
    this.#sketch.add(this.#itemIn(row), -1)
  }

  /** The rows whose items have these ids. */
  rowsOf(ids: ReadonlySet<number>): Map<number, number> {
    const rows = new Map<number, number>()
    if (ids.size === 0) return rows
    // One look in a table of bits spares nearly every row the look in the set.
    const likely = new Uint8Array(1 << 16)
    for (const id of ids) likely[id & 0xffff] = 1
    for (let row = 0; row < this.#leaf.length; row++) {
      if (likely[this.#leaf[row] ?? 0] !== 1 || !this.#has(row)) continue
      const id = idOf(this.#itemIn(row))
      if (ids.has(id)) rows.set(id, row)
    }
    return rows
  }

  #grow(): void {
    this.#sketch = new Sketch(limits.sketchSymbolsMax)
    for (let row = 0; row < this.#leaf.length; row++) {
      if (this.#has(row)) this.#sketch.add(this.#itemIn(row), 1)
    }
  }

  #itemIn(row: number): Item {
    return itemOf(this.#high[row] ?? 0, this.#leaf[row] ?? 0)
  }

  #has(row: number): boolean {
    return ((this.#present[row >> 3] ?? 0) & (1 << (row & 7))) !== 0
  }

  #hashOf(commitKey: Digest): RowHash | undefined {
    const known = this.#hashes.get(commitKey)
    if (known !== undefined) return known
    const seed = this.#salt(commitKey, framed(domains.sketchKey))
    if (seed === undefined) return undefined
    if (this.#hashes.size === hashesMax) this.#hashes.clear()
    const made = rowHash(seed.subarray(0, 8))
    this.#hashes.set(commitKey, made)
    return made
  }

  #reserve(row: number): void {
    if (row < this.#leaf.length) return
    const capacity = Math.max(row + 1, grownCapacity(this.#leaf.length))
    this.#high = enlarged(this.#high, new Uint32Array(capacity))
    this.#leaf = enlarged(this.#leaf, new Uint16Array(capacity))
    this.#present = enlarged(this.#present, new Uint8Array((capacity + 7) >> 3))
  }
}

/** The bits of the cell: equal in an old and a new state of one cell. */
export function cellOf(id: number): number {
  return Math.floor(id / 2 ** 24)
}

/**
 * How the state with this id lies to one stamped `ms`, taken at its latest possible time not after `now`: below 0
 * it is surely older, at 0 both are of one unit of time, above 0 it is newer unless it is more than a day old.
 */
export function unitsAfter(id: number, ms: number, now: number): number {
  const age = (timeBits(now) - timeOf(id) + units) % units
  return Math.floor(now / unit) - age - Math.floor(ms / unit)
}

const timeOf = (id: number): number => Math.floor(id / 2 ** 16) % units
const timeBits = (ms: number): number => Math.floor(ms / unit) % units
const whole = (bytes: Uint8Array): { bytes: Uint8Array; start: number; end: number } => ({
  bytes,
  start: 0,
  end: bytes.length,
})
