/** The keys in the order of their bytes, put in order only when somebody asks. */
import { compareBytes } from '../../base/bytes.ts'
import type { ByteRun, Cells } from './cells.ts'
import { rowFlag } from './columns.ts'

export class KeyOrder {
  readonly #cells: Cells
  #sorted: number[] = []
  #fresh: number[] = []
  #isStale = false

  constructor(cells: Cells) {
    this.#cells = cells
  }

  added(keyRow: number): void {
    this.#fresh.push(keyRow)
  }

  /** A key row was released: its number may come back as another key. */
  removed(): void {
    this.#isStale = true
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
      this.#fresh = []
      for (let row = 0; row < this.#cells.rowCount; row++) {
        const isKey = this.#cells.columns.owner[row] === -1
        if (isKey && this.#cells.has(row, rowFlag.isTaken)) this.#fresh.push(row)
      }
      this.#sorted = []
      this.#isStale = false
    }
    if (this.#fresh.length === 0) return
    const compare = (left: number, right: number): number =>
      compareBytes(this.#key(left), this.#key(right))
    const fresh = this.#fresh.sort(compare)
    const merged: number[] = []
    let i = 0
    for (const row of this.#sorted) {
      while (i < fresh.length && compare(fresh[i] ?? 0, row) < 0) merged.push(fresh[i++] ?? 0)
      merged.push(row)
    }
    while (i < fresh.length) merged.push(fresh[i++] ?? 0)
    this.#sorted = merged
    this.#fresh = []
  }

  #key(row: number): Uint8Array {
    const { bytes, start, end }: ByteRun = this.#cells.nameOf(row)
    return bytes.subarray(start, end)
  }
}
