/**
 * How far this node has merged each author's batches without gap: what it may acknowledge.
 *
 * What is *held* rises by the next batch in order, or to the author's sequence at the cut of a completed
 * sync from that author: then all before it is merged as well, however it came. What a third member says
 * that it had merged is *claimed*: it spares bytes and tells what was seen and pruned, but nobody is told
 * that it is held, for the third member may lie; and it counts as far as members on two instances claim it. The author's own word ends
 * every claim beyond it.
 */
import type { NodeId } from '../../base/ids.ts'
import { Claims } from './claims.ts'
import { identityKey } from './entry-hash.ts'

/** Authors remembered by name, the departed included: what was seen of them tells a pruned removal from a new entry. */
const authorsMax = 4096
/** Departed authors beyond these, each by a number for its name and its mark: some 40 bytes. */
const foldedMax = 131_072
/** Batches ahead of a gap that are remembered per author; beyond it only a sync closes the gap. */
const aheadMax = 4096
/** In place of a batch: nothing was refused. */
const noBatch = Number.POSITIVE_INFINITY

interface Progress {
  held: number
  /** What was known of it before it was folded away. */
  recalled: number
  claims: Claims
  readonly ahead: Set<number>
  /** The first batch with an entry that had no room here, or lost it: no mark reaches it. */
  refused: number
  /** The same, since the author was last asked for all of its entries again. */
  refusedAnew: number
}

export class Marks {
  readonly #authors = new Map<NodeId, Progress>()
  /** Authors of whom more is held since `takeRaised`. */
  #raised = new Set<NodeId>()
  /** Marks of the longest departed: a number for the name is enough to know it again. */
  readonly #folded = new Map<number, number>()
  #hasForgotten = false
  #voices = 1

  /** On how many instances, one or two, members must claim the same: one where there is no more. */
  needVoices(voices: number): void {
    this.#voices = voices
  }

  /** Whether the mark of some author was given up for want of room. */
  get hasForgotten(): boolean {
    return this.#hasForgotten
  }

  /** All batches of `author` up to this one are merged, or so a member claims; 0 for none. */
  markOf(author: NodeId): number {
    const progress = this.#authors.get(author)
    return progress === undefined ? this.#foldedOf(author) : this.#markIn(progress)
  }

  /** All batches of `author` up to this one are merged here; 0 for none. */
  heldOf(author: NodeId): number {
    const progress = this.#authors.get(author)
    return progress === undefined ? 0 : Math.min(progress.held, progress.refused - 1)
  }

  /**
   * An entry of this batch found no room, or gave way: nothing from there on is told to be held or seen, for an author
   * would take it for an acknowledgement, and others the gap for a removal that was pruned.
   */
  refused(author: NodeId, sequence: number): void {
    const progress = this.#progressOf(author)
    progress.refused = Math.min(progress.refused, sequence)
    progress.refusedAnew = Math.min(progress.refusedAnew, sequence)
  }

  /** Whether something of `author` was refused for want of room, and not merged since. */
  hasRefused(author: NodeId): boolean {
    return (this.#authors.get(author)?.refused ?? noBatch) !== noBatch
  }

  /** `author` is asked for all that was refused, with the rest of what it holds. */
  retrying(author: NodeId): void {
    this.#progressOf(author).refusedAnew = noBatch
  }

  /** All that `author` holds came again: what is refused now is what was refused meanwhile. */
  retried(author: NodeId): void {
    const progress = this.#progressOf(author)
    if (progress.refused === progress.refusedAnew) return
    progress.refused = progress.refusedAnew
    this.#raised.add(author)
  }

  /** Whether a later batch came and one before it is missing. */
  hasGap(author: NodeId): boolean {
    return (this.#authors.get(author)?.ahead.size ?? 0) > 0
  }

  /** A whole batch was merged. */
  merged(author: NodeId, sequence: number): void {
    const progress = this.#progressOf(author)
    if (sequence <= progress.held) return
    if (sequence > progress.held + 1) {
      if (progress.ahead.size < aheadMax) progress.ahead.add(sequence)
      return
    }
    this.#raise(author, progress, sequence)
  }

  /** A sync was completed with a member on `instance` that says it had merged the author's batches up to this one. */
  claimed(author: NodeId, sequence: number, instance: string): void {
    this.#progressOf(author).claims.add(instance, sequence)
  }

  /** Nobody's word about others is believed any more: what it spared is asked for again. */
  dropClaims(): void {
    for (const progress of this.#authors.values()) {
      progress.recalled = 0
      progress.claims = new Claims()
    }
  }

  /** A sync was completed with the author itself, whose last batch was this one. */
  synced(author: NodeId, sequence: number): void {
    const progress = this.#progressOf(author)
    progress.recalled = Math.min(progress.recalled, sequence)
    progress.claims.cut(sequence)
    if (sequence <= progress.held) return
    for (const ahead of progress.ahead) if (ahead <= sequence) progress.ahead.delete(ahead)
    this.#raise(author, progress, sequence)
  }

  /** Takes out the authors of whom more is held. */
  takeRaised(): Iterable<NodeId> {
    if (this.#raised.size === 0) return []
    const raised = this.#raised
    this.#raised = new Set()
    return raised
  }

  /** Folds marks beyond the limit, of authors outside `roster` first come. */
  keep(roster: ReadonlySet<NodeId>): void {
    for (const author of this.#authors.keys()) {
      if (this.#authors.size <= authorsMax) return
      if (roster.has(author)) continue
      const mark = this.markOf(author)
      this.#authors.delete(author)
      if (mark > 0) this.#folded.set(numberOf(author), mark)
      if (this.#folded.size <= foldedMax) continue
      const [oldest = 0] = this.#folded.keys()
      this.#folded.delete(oldest)
      this.#hasForgotten = true
    }
  }

  /** Every author with a mark above 0. */
  *all(): Generator<{ readonly author: NodeId; readonly mark: number }> {
    for (const [author, progress] of this.#authors) {
      const mark = this.#markIn(progress)
      if (mark > 0) yield { author, mark }
    }
  }

  #progressOf(author: NodeId): Progress {
    const known = this.#authors.get(author)
    if (known !== undefined) return known
    // Who comes back has a mark that was claimed or held: nothing is acknowledged for the sake of it.
    const progress: Progress = {
      ...{ held: 0, recalled: this.#foldedOf(author), claims: new Claims() },
      ahead: new Set<number>(),
      ...{ refused: noBatch, refusedAnew: noBatch },
    }
    this.#folded.delete(numberOf(author))
    this.#authors.set(author, progress)
    return progress
  }

  #foldedOf(author: NodeId): number {
    return this.#folded.size === 0 ? 0 : (this.#folded.get(numberOf(author)) ?? 0)
  }

  #markIn({ held, recalled, claims, refused }: Progress): number {
    return Math.min(Math.max(held, recalled, claims.borneOut(this.#voices)), refused - 1)
  }

  #raise(author: NodeId, progress: Progress, held: number): void {
    progress.held = held
    this.#raised.add(author)
    while (progress.ahead.delete(progress.held + 1)) progress.held++
  }
}

/** 48 bits of a name. Who makes a name that collides hides entries of its own alone. */
function numberOf(author: NodeId): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = identityKey(author).subarray(-6)
  return ((a * 256 + b) * 256 + c) * 2 ** 24 + (d * 65_536 + e * 256 + f)
}
