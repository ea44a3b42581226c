/**
 * What a replica holds, as a rateless invertible Bloom lookup table (Yang, Gilad, Alizadeh, SIGCOMM 2024):
 * an endless row of coded symbols, of which a prefix some 1.4 times as long as the difference of two
 * replicas gives the difference, whatever their size and history.
 *
 * A symbol is the exclusive or of the items that fall into it; an item falls into symbol i with chance
 * 1 / (1 + i/2). Subtracting two rows leaves the items that differ; a symbol with one item left is
 * recognised by the item's own check, taken out everywhere, and so on. Kept up to date at each change: some
 * 20 symbols an item.
 *
 * Differs from the paper: no count in a symbol, because the check of 16 bits and the rule that an item must fall
 * into the symbol it is found in say the same for two bytes less.
 */
import { limits } from '../../wire/limits.ts'
import { counters, wideCounters } from '../../wire/reconcile.ts'

/** An item: 48 bits of id (`row-items.ts`), 16 bits of check over them. Unsigned halves. */
export interface Item {
  readonly high: number
  readonly low: number
}

/** The id alone, below 2^48: what names an item in messages and maps. */
export function idOf({ high, low }: Item): number {
  return high * 65536 + (low >>> 16)
}

/** The item of 48 bits of id, `lowBits` being the last 16 of them. */
export function itemOf(high: number, lowBits: number): Item {
  return { high, low: ((lowBits << 16) | checkOf(high, lowBits)) >>> 0 }
}

/** Two rounds of a 32-bit finaliser (MurmurHash3): spreads what is secret and random already. */
function mixed(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

function checkOf(high: number, lowBits: number): number {
  return mixed(high ^ mixed(lowBits ^ 0x5bd1e995)) >>> 16
}

/** Where the walk of an item over its symbols starts; then `mixed(state + step)`, and `nextIndex`. */
const firstState = (high: number, low: number): number =>
  mixed(mixed(high ^ 0x27d4eb2f) ^ (low >>> 16))
const step = 0x9e3779b9

/** The symbol after `index` that an item falls into (section 4.3 of the paper). Exact in IEEE arithmetic, so equal everywhere. */
function nextIndex(index: number, state: number): number {
  return index + Math.max(1, Math.ceil((index + 1.5) * (65536 / Math.sqrt(state + 1) - 1)))
}

export class Sketch {
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  /** Sums of one random sign per item: their differences tell how much differs (Alon, Matias, Szegedy 1996). */
  readonly #counters = new Int32Array(counters)
  #count = 0

  /** A sketch of so many symbols. */
  constructor(length: number) {
    this.#high = new Uint32Array(length)
    this.#low = new Uint32Array(length)
  }

  get length(): number {
    return this.#high.length
  }

  /** Items in it. */
  get count(): number {
    return this.#count
  }

  /** Puts an item in (1) or takes it out (-1). */
  add({ high, low }: Item, sign: 1 | -1): void {
    this.#count += sign
    let state = firstState(high, low)
    for (let at = 0; at < this.length; ) {
      this.#high[at] = (this.#high[at] ?? 0) ^ high
      this.#low[at] = (this.#low[at] ?? 0) ^ low
      state = mixed(state + step)
      at = nextIndex(at, state)
    }
    for (let word = 0; word < counters / 32; word++) {
      let signs = mixed(state ^ mixed(high + word) ^ low)
      for (let i = 32 * word; i < 32 * word + 32; i++, signs >>>= 1) {
        this.#counters[i] = (this.#counters[i] ?? 0) + ((signs & 1) === 1 ? sign : -sign)
      }
    }
  }

  /** Symbols `first` and on, high and low half in turn; as many as there are. */
  symbols(first: number, count: number): Uint32Array {
    const present = Math.max(0, Math.min(count, this.length - first))
    const copy = new Uint32Array(2 * present)
    for (let i = 0; i < present; i++) {
      copy[2 * i] = this.#high[first + i] ?? 0
      copy[2 * i + 1] = this.#low[first + i] ?? 0
    }
    return copy
  }

  /** The counters as they travel, 112 bytes. */
  counters(): Uint8Array {
    const bytes = new Uint8Array(counters + wideCounters)
    this.#counters.forEach((counter, i) => {
      bytes[i] = counter & 0xff
      if (i < wideCounters) bytes[counters + i] = (counter >> 8) & 0xff
    })
    return bytes
  }

  /** How many items differ between this sketch and the one whose counters these are; within some 14 %. */
  estimate(theirs: Uint8Array): number {
    let [narrow, wide] = [0, 0]
    this.#counters.forEach((counter, i) => {
      const low = theirs[i] ?? 0
      const near = ((counter - low) << 24) >> 24
      narrow += near ** 2
      if (i >= wideCounters) return
      const far = ((counter - (low | ((theirs[counters + i] ?? 0) << 8))) << 16) >> 16
      wide += far ** 2
    })
    narrow /= counters
    wide /= wideCounters
    // A low byte holds two and a half deviations of so many items; beyond it only the few wide ones tell.
    return narrow > narrowMax ? Math.max(wide, narrow) : narrow
  }
}

const narrowMax = 2600

/** How many symbols most likely decode so many differing items. */
export function symbolsFor(items: number): number {
  return Math.min(limits.sketchSymbolsMax, Math.ceil(1.55 * items + 3 * Math.sqrt(items) + 4))
}

/**
 * The ids of the items that are in one of two rows of symbols and not in the other, as one set; `undefined`
 * if the symbols do not suffice, or were never those of a sketch. Work is bounded by their number.
 */
export function difference(left: Uint32Array, right: Uint32Array): Set<number> | undefined {
  const count = Math.min(left.length, right.length) / 2
  const [high, low] = [new Uint32Array(count), new Uint32Array(count)]
  for (let i = 0; i < count; i++) {
    high[i] = (left[2 * i] ?? 0) ^ (right[2 * i] ?? 0)
    low[i] = (left[2 * i + 1] ?? 0) ^ (right[2 * i + 1] ?? 0)
  }
  const found = new Set<number>()
  const open: number[] = []
  for (let i = count - 1; i >= 0; i--) open.push(i)
  // Where what was taken out shows again. It waits until nothing else is left: a sum that was taken for an item
  // makes true ones show again, and each put back would be taken out again, without end, before the sum is.
  const again: number[] = []
  const walk = new Uint32Array(walkMax)
  // Each item is taken out once; what is taken for an item by chance, twice.
  for (let left = 2 * count + 16; left > 0; ) {
    const next = open.pop()
    const at = next ?? again.pop()
    if (at === undefined) break
    const [h, l] = [high[at] ?? 0, low[at] ?? 0]
    if ((h | l) === 0 || checkOf(h, l >>> 16) !== (l & 0xffff)) continue
    const length = walkOf(h, l, count, walk)
    // What looks like an item and does not fall where it was found is a sum of several.
    if (!walk.subarray(0, length).includes(at)) continue
    const id = idOf({ high: h, low: l })
    if (next !== undefined && found.has(id)) {
      again.push(at)
      continue
    }
    left--
    if (!found.delete(id)) found.add(id)
    for (let place = 0; place < length; place++) {
      const i = walk[place] ?? 0
      high[i] = (high[i] ?? 0) ^ h
      low[i] = (low[i] ?? 0) ^ l
      if (i !== at) open.push(i)
    }
  }
  const isEmpty = high.every(word => word === 0) && low.every(word => word === 0)
  return isEmpty ? found : undefined
}

/** Symbols that an item falls into, at most, kept to take it out: some 25 of a full row are usual. */
const walkMax = 256

/** The symbols below `count` that an item falls into, in `walk`; answers how many. */
function walkOf(high: number, low: number, count: number, walk: Uint32Array): number {
  let state = firstState(high, low)
  let length = 0
  for (let index = 0; index < count && length < walkMax; length++) {
    walk[length] = index
    state = mixed(state + step)
    index = nextIndex(index, state)
  }
  return length
}
