/** The keys in the order of their bytes, put in order only when somebody asks. */
import { compareBytes } from '../../base/bytes.ts'
import type { Cells } from './cells.ts'

/** So many new keys in a table are put in their places one by one; of more, all are put in order anew. */
const freshPart = 0.5

export class KeyOrder {
  readonly #cells: Cells
  #sorted = new Int32Array(0)
  #fresh: number[] = []
  /** Nobody asked yet, or too much has changed since: nothing is kept in order. */
  #isStale = true

  constructor(cells: Cells) {
    this.#cells = cells
  }

  added(keyRow: number): void {
    if (this.#isStale) return
    this.#fresh.push(keyRow)
    if (this.#fresh.length > 1024 + freshPart * this.#sorted.length) this.removed()
  }

  /** A key row was released: its number may come back as another key. */
  removed(): void {
    this.#isStale = true
    this.#fresh = []
    this.#sorted = new Int32Array(0)
  }

  /** Key rows after `after` (or from `prefix` on) whose keys start with `prefix`, in order. */
  *from(prefix: Uint8Array, after: Uint8Array | undefined): Generator<number> {
    this.#settle()
    const start = after === undefined ? prefix : after
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      const order = compareBytes(this.#key(this.#sorted[middle] ?? 0), start)
      if (order < 0 || (order === 0 && after !== undefined)) low = middle + 1
      else high = middle
    }
    for (let i = low; i < this.#sorted.length; i++) {
      const row = this.#sorted[i] ?? 0
      const key = this.#key(row)
      if (compareBytes(key.subarray(0, prefix.length), prefix) !== 0) {
        // `after` may lie before the prefix; beyond the prefix nothing follows.
        if (compareBytes(key, prefix) > 0) return
        continue
      }
      yield row
    }
  }

  #settle(): void {
    if (this.#isStale) {
      for (let row = 0; row < this.#cells.rowCount; row++) {
        if (this.#cells.isKeyRow(row)) this.#fresh.push(row)
      }
      this.#isStale = false
    }
    if (this.#fresh.length === 0) return
    const compare = (left: number, right: number): number =>
      compareBytes(this.#key(left), this.#key(right))
    const fresh = this.#fresh.sort(compare)
    const merged = new Int32Array(this.#sorted.length + fresh.length)
    let [i, at] = [0, 0]
    for (const row of this.#sorted) {
      while (i < fresh.length && compare(fresh[i] ?? 0, row) < 0) merged[at++] = fresh[i++] ?? 0
      merged[at++] = row
    }
    while (i < fresh.length) merged[at++] = fresh[i++] ?? 0
    this.#sorted = merged
    this.#fresh = []
  }

  #key(row: number): Uint8Array {
    const { bytes, start, end } = this.#cells.nameOf(row)
    return bytes.subarray(start, end)
  }
}
