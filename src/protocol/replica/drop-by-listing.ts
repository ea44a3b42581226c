/** What a member does not list although it has seen it was removed, and its removal pruned: it goes here too. */
import type { NodeId } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { limits } from '../../wire/limits.ts'
import type { SyncAnswer } from '../../wire/sync.ts'
import type { Core } from './core.ts'
import { dropUnlisted } from './prune.ts'

/** What one member said at the end of a full listing. */
export interface Listing {
  readonly of: NodeId
  readonly listed: ReadonlySet<number>
  readonly answer: SyncAnswer
  /** Its marks, by author index. */
  readonly seen: ReadonlyMap<number, number>
  /** What this replica holds came from a disk. */
  readonly isRestored: boolean
}

/** Drops what the member saw removed, if its word counts for that; what a disk brought, on anybody's word. */
export function dropByListing(core: Core, said: Listing, now: Instant): void {
  const floor = core.clock.floor(now) ?? 0
  const isBelieved = core.witnesses.mayTestify(said.of, core.activeInstances, floor)
  if (!isBelieved && !said.isRestored) return
  const isWhole = said.answer.marks.length < limits.syncMarksMax
  const gone = dropUnlisted(core.map, {
    floor: Math.min(said.answer.floor, core.latestFloor(now)),
    listed: said.listed,
    hasSeen: (author, sequence) => {
      // Nobody may remember the author of what a host kept back for months: then age alone decides.
      if (said.isRestored) return true
      const mark = said.seen.get(author)
      // A vector cut short says nothing of the departed: then age alone decides (docs/spec/replica.md).
      if (mark === undefined) return !isWhole && author !== 0
      return sequence > 0 && sequence <= mark
    },
  })
  core.watch.forget(gone)
}
