/** Pages of an exchange by difference: the two sides know each other's names, which do not travel. */
import { bytesOfDigest, type Digest, type NodeId } from '../../base/ids.ts'
import { blankEntry } from '../../wire/entry.ts'
import { type KnownIds, SyncPageWriter } from '../../wire/sync.ts'
import { rowFlag } from './columns.ts'
import type { Core } from './core.ts'
import { identityKey } from './entry-hash.ts'

/** Whose page it is, who reads it, and the commit keys that both named just before. */
export interface PageTable {
  readonly writer: NodeId
  readonly reader: NodeId
  readonly commitKeys: readonly Digest[]
}

export function knownIn({ writer, reader, commitKeys }: PageTable): KnownIds {
  return {
    authors: [identityKey(writer), identityKey(reader)],
    commitKeys: commitKeys.map(bytesOfDigest),
  }
}

export interface ExchangePage {
  readonly bytes: Uint8Array
  /** How many of the rows, from the first, are in it or need not be. */
  readonly count: number
  /** All that its entries name, in the order of its table. */
  readonly commitKeys: readonly Digest[]
}

/** A page of the entries in `rows`, as many as it holds; -1 stands for one that is not here any more. */
export function exchangePage(core: Core, rows: readonly number[], table: PageTable): ExchangePage {
  const { map } = core
  const out = new SyncPageWriter()
  const entry = blankEntry()
  out.know({
    authors: [table.writer, table.reader].map(node => map.authors.indexOf(node)),
    commitKeys: table.commitKeys.map(id => map.commitKeys.indexOf(id)),
  })
  let count = 0
  for (const row of rows) {
    if (row >= 0 && map.cells.has(row, rowFlag.isEntry)) {
      map.cells.read(row, entry)
      // What is in no batch yet is published before long.
      if (entry.sequence > 0 && !out.add(entry)) break
    }
    count++
  }
  const commitKeys = out.commitKeys.map(index => map.commitKey(index))
  const bytes = out.finish(
    author => identityKey(map.author(author)),
    commitKey => bytesOfDigest(map.commitKey(commitKey)),
  )
  return { bytes, count, commitKeys }
}

/** Rows in the order of their keys: neighbours share their beginnings, which then travel once. */
export function inKeyOrder({ map }: Core, rows: readonly number[]): number[] {
  const keys = rows.map(row => ({ row, key: row < 0 ? '' : map.cells.keyText(row) }))
  return keys.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ row }) => row)
}
