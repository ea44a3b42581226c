/**
 * What a node says of itself under `own/<node>/` lasts as long as it says it.
 *
 * Nobody else may write or delete there, and nobody can prove that a node is gone for good: a restart is another node, and a
 * partition ends. So these rows need no proof: they go at the prune floor like tombstones, the same everywhere, and a
 * living author writes them again long before. Whoever was cut off for a day has lost nothing, for its own rows
 * are young when it returns.
 */
import { hours } from '../../base/time.ts'
import { blankEntry, type EntryView, isOwnKey } from '../../wire/entry.ts'
import { rowFlag } from './columns.ts'
import type { EntryMap } from './lattice.ts'

/** Half of the way to the floor: a renewal has as long again to reach everybody. */
const renewAfter = hours(12)
const hourMs = hours(1)
/** The number of this node in the table of authors, which keeps it. */
const self = 0

export class OwnLeases {
  readonly #map: EntryMap
  readonly #entry = blankEntry()
  #lookedAt = -1

  constructor(map: EntryMap) {
    this.#map = map
  }

  /** Rows of this node to be written again at group time `groupMs`: asked for once in each hour, or until `done`. */
  *due(groupMs: number): Generator<number> {
    const hour = Math.floor(groupMs / hourMs)
    if (hour === this.#lookedAt) return
    const { cells } = this.#map
    for (let row = 0; row < cells.rowCount; row++) {
      const isOld = cells.columns.ms.at(row) < groupMs - renewAfter
      if (isOld && cells.columns.author.at(row) === self && cells.isLive(row) && this.#isOwn(row)) {
        yield row
      }
    }
    this.#lookedAt = hour
  }

  #isOwn(row: number): boolean {
    if (!this.#map.cells.has(row, rowFlag.isSigned)) return false
    this.#map.cells.read(row, this.#entry)
    return isOwnKey(this.#entry)
  }
}

/** Whether the row is of another node's `own/` and goes at the floor. */
export function isLeasedByOther(map: EntryMap, row: number): boolean {
  if (map.cells.columns.author.at(row) === self || !map.cells.has(row, rowFlag.isSigned))
    return false
  const { bytes, start, end } = map.cells.nameOf(map.cells.keyRowOf(row))
  return isOwnKey({ key: bytes, keyStart: start, keyEnd: end })
}

/** Whether an entry is what a node said of itself and did not say again in a day: it is gone everywhere. */
export function isLapsed(entry: EntryView, floor: number): boolean {
  return entry.ms < floor && isOwnKey(entry)
}
