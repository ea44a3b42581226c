/** Columns of whole numbers that take no more bytes than their numbers need. */

const lowBits = 2 ** 16
const lowWord = 2 ** 32

/** Numbers below 2^32 that are nearly always below 2^16: two bytes a row, four once a larger one came. */
export class NarrowColumn {
  #low: Uint16Array
  #high: Uint16Array | undefined

  constructor(capacity: number) {
    this.#low = new Uint16Array(capacity)
  }

  at(row: number): number {
    const low = this.#low[row] ?? 0
    return this.#high === undefined ? low : (this.#high[row] ?? 0) * lowBits + low
  }

  set(row: number, value: number): void {
    this.#low[row] = value
    if (this.#high === undefined) {
      if (value < lowBits) return
      this.#high = new Uint16Array(this.#low.length)
    }
    this.#high[row] = value >>> 16
  }

  grow(capacity: number): void {
    const low = new Uint16Array(capacity)
    low.set(this.#low)
    this.#low = low
    if (this.#high === undefined) return
    const high = new Uint16Array(capacity)
    high.set(this.#high)
    this.#high = high
  }
}

/** Numbers below 2^48, as times and change numbers are: six bytes a row. */
export class WideColumn {
  #low: Uint32Array
  #high: Uint16Array

  constructor(capacity: number) {
    this.#low = new Uint32Array(capacity)
    this.#high = new Uint16Array(capacity)
  }

  at(row: number): number {
    return (this.#high[row] ?? 0) * lowWord + (this.#low[row] ?? 0)
  }

  set(row: number, value: number): void {
    this.#low[row] = value % lowWord
    this.#high[row] = value / lowWord
  }

  grow(capacity: number): void {
    const low = new Uint32Array(capacity)
    const high = new Uint16Array(capacity)
    low.set(this.#low)
    high.set(this.#high)
    this.#low = low
    this.#high = high
  }
}
