/** What a replica remembers of each member that it pulls from. */
import type { Digest, NodeId } from '../../base/ids.ts'
import { after, type Duration, type Instant, seconds } from '../../base/time.ts'
import type { SyncAnswer } from '../../wire/sync.ts'
import type { Round } from './reconcile.ts'

/** A pull under way for longer leaves its place to others: its member may never come to an end of pages. */
const placeFor = seconds(30)

export interface Pull {
  readonly of: NodeId
  readonly startedAt: Instant
  /** Where it began: where the next one begins if this one comes to nothing. */
  readonly from: { readonly log: Uint8Array | null; readonly cursor: number }
  log: Uint8Array | null
  cursor: number
  isClean: boolean
  /** The rows that the answerer listed, if all are asked for. */
  readonly listed: Set<number> | undefined
  /** Set while the difference is looked for: then no pages are asked for. */
  readonly round: Round | undefined
  /** All that the member holds is asked for again, because some of it was refused for want of room. */
  readonly isRetry: boolean
  /** A page that came and is not merged: the member makes the next one meanwhile. Never more than one. */
  unmerged: SyncAnswer | undefined
  /** Such a page was a fault: the answer still to come ends the pull and is not looked at. */
  isSpoiled: boolean
}

/** What became of an answer. */
export interface PullStep {
  readonly isCompleted: boolean
  /** The next request of the same pull. */
  readonly next: Uint8Array | undefined
  readonly commitKeys: readonly Digest[]
  /** How far the answerer holds this node's own batches. */
  readonly ownMark: number
}

export interface Source {
  log: Uint8Array | null
  cursor: number
  isWanted: boolean
  /** Not to be asked before. */
  restUntil: Instant
  /** To be asked again by then. */
  dueAt: Instant
  pull: Pull | undefined
  /** Both roots at the last look, if they differed, and how often that same pair was seen. */
  difference: { readonly roots: string; readonly times: number } | undefined
  /** Tried against that difference so far: a sketch, then a descent, then a full listing. */
  remedies: number
  /** What was refused for want of room is not asked for again before. */
  retryAt: Instant
  /** A sketch was pointless: this log is begun with a snapshot. */
  mustSnapshot: boolean
}

/** A member never pulled from. */
export function newSource(now: Instant): Source {
  return {
    log: null,
    cursor: 0,
    isWanted: true,
    restUntil: now,
    dueAt: now,
    pull: undefined,
    difference: undefined,
    remedies: 0,
    retryAt: now,
    mustSnapshot: false,
  }
}

/** How many pulls take a place, and when the first of them gives it up. */
export function placesOf(
  sources: Iterable<Source>,
  now: Instant,
): { readonly count: number; readonly freeAt: Instant | null } {
  let count = 0
  let freeAt: Instant | null = null
  for (const { pull } of sources) {
    if (pull === undefined) continue
    const until = after(pull.startedAt, placeFor)
    if (until <= now) continue
    count++
    if (freeAt === null || until < freeAt) freeAt = until
  }
  return { count, freeAt }
}

/**
 * How long until a member is asked again without a reason: one of all is, each interval (Demers et al., "Epidemic
 * Algorithms", PODC 1987, section 1.3). Who misses something learns of it by a gap or a root, and does not wait for this.
 */
export function lookAgain(
  { settings }: { readonly settings: { readonly syncInterval: Duration } },
  members: number,
): Duration {
  return (settings.syncInterval * Math.max(1, members)) as Duration
}
