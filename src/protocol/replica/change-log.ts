/**
 * The order in which entries last changed here: a list through the rows themselves, each in it once, at its
 * latest change. What a peer has not seen is the end of the list from its cursor on, so the cost of a sync
 * follows what changed and not the history; from 0 the list is a snapshot.
 */
import type { Columns } from './columns.ts'

export class ChangeLog {
  readonly #columns: Columns
  #first = -1
  #last = -1
  #number = 0

  constructor(columns: Columns) {
    this.#columns = columns
  }

  /** The number of the latest change; 0 before the first. */
  get head(): number {
    return this.#number
  }

  /** Puts a row that is not in the list at its end. */
  append(row: number): void {
    const { logBefore, logAfter, logNumber } = this.#columns
    logBefore[row] = this.#last
    logAfter[row] = -1
    logNumber.set(row, ++this.#number)
    if (this.#last >= 0) logAfter[this.#last] = row
    else this.#first = row
    this.#last = row
  }

  /** Takes a row out of the list. */
  unlink(row: number): void {
    const { logBefore, logAfter } = this.#columns
    const before = logBefore[row] ?? -1
    const after = logAfter[row] ?? -1
    if (before >= 0) logAfter[before] = after
    else this.#first = after
    if (after >= 0) logBefore[after] = before
    else this.#last = before
  }

  /** The first row changed after `cursor`, or -1. Walks from the nearer end. */
  firstAfter(cursor: number): number {
    const { logBefore, logAfter, logNumber } = this.#columns
    if (cursor < this.#number / 2) {
      let row = this.#first
      while (row >= 0 && logNumber.at(row) <= cursor) row = logAfter[row] ?? -1
      return row
    }
    let found = -1
    let row = this.#last
    while (row >= 0 && logNumber.at(row) > cursor) {
      found = row
      row = logBefore[row] ?? -1
    }
    return found
  }

  /** The row changed next after `row`, or -1. */
  after(row: number): number {
    return this.#columns.logAfter[row] ?? -1
  }

  numberOf(row: number): number {
    return this.#columns.logNumber.at(row)
  }
}
