/**
 * Cells in the order in which they find room, which is the same on every node: what its author signed before all else, then by
 * name (key, kind, element, author). Whether a cell is signed follows from its name. An unsigned entry may have been put into its
 * author's mouth by any member; if it took the room of a signed one, the signature would protect nothing.
 */
import { blankEntry, type EntryView, entryKind, mustBeSigned } from '../../wire/entry.ts'
import type { EntryMap } from './lattice.ts'
import type { ByteRun } from './slab.ts'

export interface CellOrder {
  /** Negative if the cell in `row` comes before that of `entry`; zero if they are one. */
  compare(row: number, entry: EntryView): number
  /** `rows` in order, in place. */
  sorted(rows: number[]): number[]
  /** Where `row` stands, or would stand, in rows that are in order. */
  position(ranked: readonly number[], row: number): number
}

export function cellOrder(map: EntryMap): CellOrder {
  const [left, right] = [blankEntry(), blankEntry()]
  const compare = (row: number, entry: EntryView): number => {
    map.cells.read(row, left)
    return compareCells(map, left, entry)
  }
  const compareRows = (one: number, other: number): number => {
    map.cells.read(other, right)
    return compare(one, right)
  }
  return {
    compare,
    sorted: rows => rows.sort(compareRows),
    position: (ranked, row) => {
      let [low, high] = [0, ranked.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (compareRows(ranked[middle] ?? 0, row) < 0) low = middle + 1
        else high = middle
      }
      return low
    },
  }
}

function compareCells(map: EntryMap, left: EntryView, right: EntryView): number {
  const isSigned = mustBeSigned(left)
  if (isSigned !== mustBeSigned(right)) return isSigned ? -1 : 1
  const byKey = compareRuns(
    { bytes: left.key, start: left.keyStart, end: left.keyEnd },
    { bytes: right.key, start: right.keyStart, end: right.keyEnd },
  )
  if (byKey !== 0) return byKey
  if (left.kind !== right.kind) return left.kind - right.kind
  if (left.kind === entryKind.register) return 0
  const byElement = compareRuns(
    { bytes: left.element, start: left.elementStart, end: left.elementEnd },
    { bytes: right.element, start: right.elementStart, end: right.elementEnd },
  )
  if (byElement !== 0 || left.tagAuthor === right.tagAuthor) return byElement
  return map.author(left.tagAuthor) < map.author(right.tagAuthor) ? -1 : 1
}

function compareRuns(left: ByteRun, right: ByteRun): number {
  const length = Math.min(left.end - left.start, right.end - right.start)
  for (let i = 0; i < length; i++) {
    const difference = (left.bytes[left.start + i] ?? 0) - (right.bytes[right.start + i] ?? 0)
    if (difference !== 0) return difference
  }
  return left.end - left.start - (right.end - right.start)
}
