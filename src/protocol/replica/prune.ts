/** Forgetting: tombstones below the floor, and what a peer has seen removed and forgotten already. */
import { blankEntry, entryKind } from '../../wire/entry.ts'
import { rowFlag } from './columns.ts'
import type { EntryMap } from './lattice.ts'
import { isLeasedByOther } from './own-leases.ts'
import type { WriteRules } from './write-rules.ts'

/**
 * Erases every tombstone stamped below `floor` (group clock ms), and what other nodes said of themselves and did not
 * say again since. Answers the key rows that are gone.
 *
 * All members prune at the same group time, so their roots agree again as soon as the last has passed it.
 */
export function pruneBelow(map: EntryMap, floor: number): Set<number> {
  const { flags, ms } = map.cells.columns
  const tombstone = rowFlag.isEntry | rowFlag.isRemoved
  return eraseWhere(
    map,
    row =>
      ms.at(row) < floor &&
      (((flags[row] ?? 0) & tombstone) === tombstone || isLeasedByOther(map, row)),
  )
}

/**
 * Erases the entries below the peer's floor that the peer, having listed all it holds, did not list
 * although it has seen them: it has pruned their removal. `hasSeen` is told the author and the batch.
 */
export function dropUnlisted(
  map: EntryMap,
  peer: {
    readonly floor: number
    readonly listed: ReadonlySet<number>
    readonly hasSeen: (author: number, sequence: number) => boolean
  },
): Set<number> {
  const { ms } = map.cells.columns
  const entry = blankEntry()
  return eraseWhere(map, row => {
    if (!map.cells.has(row, rowFlag.isEntry) || peer.listed.has(row)) return false
    // No removal of a slot exists that the peer could have forgotten.
    if (map.cells.kindOf(row) === entryKind.counter) return false
    if (ms.at(row) >= peer.floor) return false
    map.cells.read(row, entry)
    return peer.hasSeen(entry.author, entry.sequence)
  })
}

/** Erases what is stamped after `latest`. Answers the key rows that are gone. */
export function eraseAhead(map: EntryMap, latest: number): Set<number> {
  const { ms } = map.cells.columns
  return eraseWhere(map, row => ms.at(row) > latest)
}

/** Erases what breaks the write rules. Answers the key rows that are gone. */
export function eraseBreaches(map: EntryMap, rules: WriteRules): Set<number> {
  const entry = blankEntry()
  return eraseWhere(map, row => {
    map.cells.read(row, entry)
    return rules.breachOf(entry) !== undefined
  })
}

function eraseWhere(map: EntryMap, isDoomed: (row: number) => boolean): Set<number> {
  const gone = new Set<number>()
  for (let row = 0; row < map.cells.rowCount; row++) {
    if (!map.cells.has(row, rowFlag.isEntry) || !isDoomed(row)) continue
    const keyRow = map.cells.keyRowOf(row)
    map.erase(row)
    if (!map.cells.has(keyRow, rowFlag.isTaken)) gone.add(keyRow)
  }
  map.authors.sweep()
  map.commitKeys.sweep()
  return gone
}
