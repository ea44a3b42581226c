/** Entries of others come in: from batches and from sync pages, by the same rules. */
import { PeerFault } from '../../base/errors.ts'
import { type Digest, digestOf, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { type Batch, parseBatch } from '../../wire/batch.ts'
import { type EntryView, entryKind, sequenceMax } from '../../wire/entry.ts'
import { type KnownIds, parseSyncPage, type SyncPage } from '../../wire/sync.ts'
import type { Core } from './core.ts'
import { isSignedByOwner } from './entry-hash.ts'
import type { HeldBatch } from './hold.ts'
import { NamedKeys } from './named-keys.ts'
import { isLapsed } from './own-leases.ts'

/** How a page is to be merged. */
export interface PageOptions {
  readonly listed: ((row: number) => void) | undefined
  /** The answerer may hold what this node forgot to have seen removed. */
  readonly isStale: boolean
  /** Ids that the page does not repeat. */
  readonly known?: KnownIds
  /** Whose page it is: it is believed about the commit keys of its own batches. */
  readonly of?: NodeId
}

/** What became of a page. */
export interface MergedPage {
  /** No entry had to be held back. */
  readonly isClean: boolean
  readonly commitKeys: readonly Digest[]
}

/** What became of a batch. */
export type BatchFate =
  | { readonly kind: 'merged'; readonly commitKey: Digest }
  /** It was merged before. */
  | { readonly kind: 'passed over' }
  /** It names its commit key by a batch that was not heard: only a sync from its author brings it. */
  | { readonly kind: 'unnamed' }

export class Merge {
  readonly #core: Core
  readonly #namedKeys = new NamedKeys()
  /** Entries of others that were news here, since boot. */
  deliveredCount = 0
  /** Entries of others that broke a rule or had no room, since boot. */
  refusedCount = 0

  constructor(core: Core) {
    this.#core = core
  }

  /**
   * Merges a batch whose author the envelope proved. The clock runs.
   *
   * @throws {PeerFault} of `parseBatch`; `FORGED_ENTRY`. Nothing of it is merged then.
   */
  batch(
    author: NodeId,
    batch: { readonly sequence: number; readonly bytes: Uint8Array },
    now: Instant,
  ): BatchFate {
    const core = this.#core
    const isHeld = batch.sequence <= core.marks.heldOf(author)
    // A sync was faster. What it left out, because later states had beaten it, still belongs to the past.
    if (isHeld && !core.past.isFollowing) return { kind: 'passed over' }
    if (batch.sequence > sequenceMax) throw new PeerFault('BAD_BATCH', 'no boot counts that far')
    const parsed = parseBatch(batch.bytes)
    const { map } = core
    const commitKey = this.#commitKeyOf(author, batch.sequence, parsed.commitKey)
    if (commitKey === undefined) return { kind: isHeld ? 'passed over' : 'unnamed' }
    core.sweepNames()
    const localise = this.#batchLocaliser({ author, sequence: batch.sequence, parsed, commitKey })
    if (isHeld) {
      parsed.forEach(entry => {
        localise(entry)
        this.#remember(entry, now)
      })
      return { kind: 'passed over' }
    }
    if (parsed.hasSigned) {
      parsed.forEach(entry => {
        localise(entry)
        this.#checkOwner(entry)
      })
    }
    const held: HeldBatch = { author, sequence: batch.sequence, left: 0 }
    let isWhole = true
    const latest = core.mergeableMs(now)
    const floor = core.clock.floor(now) ?? 0
    parsed.forEach(entry => {
      localise(entry)
      if (entry.ms > latest) {
        // What is beaten already was not checked, and must not win later.
        if (!map.isNews(entry)) return
        if (core.hold.put(entry, map, held)) held.left++
        else isWhole = false
      } else if (entry.ms < floor) {
        // Too old for gossip: if it is worth having, a sync brings it with all that belongs to it.
        isWhole = false
      } else if (this.#isAllowed(entry)) {
        this.#joinIfRoom(entry)
      } else {
        // Its author may go by another manifest: it must not take this for an acknowledgement.
        isWhole = false
      }
    })
    // What could not be held leaves a gap, and the gap asks for a sync.
    if (!isWhole) held.left = Number.POSITIVE_INFINITY
    else if (held.left === 0) core.marks.merged(author, batch.sequence)
    return { kind: 'merged', commitKey }
  }

  /**
   * Merges a page of a member's entries. `listed` is told the row of each.
   *
   * @throws {PeerFault} of `parseSyncPage`; `FORGED_ENTRY`. Nothing of it is merged then.
   */
  page(bytes: Uint8Array, options: PageOptions, now: Instant): MergedPage {
    const core = this.#core
    const { map, hold } = core
    const page = parseSyncPage(bytes, options.known)
    const nodes = page.authors.map(nodeIdOfKey)
    const seen = nodes.map(node => this.#seenOf(node))
    const isForgotten = nodes.map((_, i) => options.isStale && seen[i] === 0)
    const believed = core.isConfirmed ? seen : nodes.map(node => this.#heldOf(node))
    const commitKeys = page.commitKeys.map(digestOf)
    const shown = this.#namedKeys.shownBy(options.of, nodes, commitKeys)
    const localise = this.#localiser(page)
    if (page.hasSigned) {
      page.forEach(entry => {
        localise(entry)
        this.#checkOwner(entry)
      })
    }
    let isClean = true
    const latest = core.mergeableMs(now)
    const floor = core.clock.floor(now) ?? 0
    page.forEach(entry => {
      shown(entry)
      const mark = believed[entry.author] ?? 0
      const hasSeen =
        entry.sequence <= mark || (isForgotten[entry.author] === true && entry.ms < floor)
      localise(entry)
      if (entry.ms > latest) {
        if (!map.isNews(entry)) return
        isClean = false
        hold.put(entry, map, undefined)
        return
      }
      if (!this.#isAllowed(entry)) {
        isClean = false
        return
      }
      if (entry.isRemoved && entry.ms < floor) {
        // It still removes what it meets here; then it goes the way of its kind.
        if (map.holds(entry) && this.join(entry) >= 0) core.pruneAgain()
        return
      }
      if (isLapsed(entry, floor)) return
      // Seen before and not here any more: its removal was pruned, and it must not come back. Above the floor
      // no removal is pruned: then it is not here because it was never seen, whoever claimed so.
      const isPrunable = entry.kind !== entryKind.counter
      if (isPrunable && hasSeen && entry.ms < floor && !map.holds(entry)) return
      this.#joinIfRoom(entry)
      const row = map.rowOf(entry)
      if (row >= 0) options.listed?.(row)
    })
    return { isClean, commitKeys }
  }

  /**
   * Merges a page of this node's own cache: its entries were merged by a member once, whatever the clock says
   * now. A page of another version, or with a forged entry, brings nothing.
   */
  restored(bytes: Uint8Array): void {
    try {
      const page = parseSyncPage(bytes)
      const localise = this.#localiser(page)
      if (page.hasSigned) {
        page.forEach(entry => {
          localise(entry)
          this.#checkOwner(entry)
        })
      }
      page.forEach(entry => {
        localise(entry)
        if (this.#isAllowed(entry)) this.#joinIfRoom(entry)
      })
    } catch (fault) {
      if (!(fault instanceof PeerFault)) throw fault
    }
  }

  #commitKeyOf(author: NodeId, sequence: number, said: Uint8Array | number): Digest | undefined {
    if (typeof said === 'number') return this.#namedKeys.resolve(author, sequence, said)
    const commitKey = digestOf(said)
    this.#namedKeys.named(author, sequence, commitKey)
    return commitKey
  }

  /** How far batches of `author` were seen here, by claims of others too. */
  #seenOf(author: NodeId): number {
    const { marks, outbox, self } = this.#core
    // What this node wrote itself and does not hold any more, it saw removed.
    return author === self ? outbox.sequence : marks.markOf(author)
  }

  /** As far as they are held: claims of who may have withheld what it claims would keep it out for ever. */
  #heldOf(author: NodeId): number {
    const { marks, outbox, self } = this.#core
    return author === self ? outbox.sequence : marks.heldOf(author)
  }

  /** Turns the indexes of a batch into those of the map. */
  #batchLocaliser(batch: {
    readonly author: NodeId
    readonly sequence: number
    readonly parsed: Batch
    readonly commitKey: Digest
  }): (entry: EntryView) => void {
    const { map } = this.#core
    const commitKey = map.commitKeys.indexOf(batch.commitKey)
    const named = [batch.author, ...batch.parsed.tagAuthors.map(nodeIdOfKey)]
    const authors = named.map(author => map.authors.indexOf(author))
    return entry => {
      entry.author = authors[0] ?? 0
      entry.tagAuthor = authors[entry.tagAuthor] ?? 0
      entry.commitKey = commitKey
      entry.sequence = batch.sequence
    }
  }

  /** Hands a state that was merged before, or beaten before it came, to the past, by the rules for what is merged. */
  #remember(entry: EntryView, now: Instant): void {
    const { map, past, clock } = this.#core
    const isInTime = entry.ms >= (clock.floor(now) ?? 0) && entry.ms <= this.#core.mergeableMs(now)
    if (!isInTime || map.isNews(entry) || this.#core.rules.breachOf(entry) !== undefined) return
    past.passedOver(map.rowOf(entry), entry)
  }

  /** Turns the indexes of a page's tables into those of the map. */
  #localiser(page: SyncPage): (entry: EntryView) => void {
    const { map } = this.#core
    this.#core.sweepNames()
    const authors = page.authors.map(key => map.authors.indexOf(nodeIdOfKey(key)))
    const commitKeys = page.commitKeys.map(key => map.commitKeys.indexOf(digestOf(key)))
    return entry => {
      entry.author = authors[entry.author] ?? 0
      entry.tagAuthor = authors[entry.tagAuthor] ?? 0
      entry.commitKey = commitKeys[entry.commitKey] ?? 0
    }
  }

  /** Tries again what was held back. */
  retryHeld(now: Instant): void {
    const core = this.#core
    if (core.hold.count === 0) return
    for (const { entry, batch } of core.hold.release(core.mergeableMs(now), core.map)) {
      if (!this.#isAllowed(entry)) continue
      this.#joinIfRoom(entry)
      if (batch !== undefined && --batch.left === 0) core.marks.merged(batch.author, batch.sequence)
    }
  }

  /** Merges one entry as `EntryMap.join` and tells all who follow the map. */
  join(entry: EntryView, keyRow?: number): number {
    const core = this.#core
    const { ms, counter } = entry
    const row = core.map.join(entry, keyRow)
    if (row < 0) return row
    core.hybrid.see(ms, counter)
    if (entry.author !== 0) this.deliveredCount++
    // What stands here now is in no batch to come, even if it goes by this node's name: the writer puts what
    // it wrote itself back after this.
    core.outbox.forget(row)
    core.watch.changed(core.map.cells.keyRowOf(row))
    core.makeRoom()
    return row
  }

  /** Whether the manifest's rules let this entry be; the one place where entries of others are held against them. */
  #isAllowed(entry: EntryView): boolean {
    if (this.#core.rules.breachOf(entry) === undefined) return true
    this.refusedCount++
    return false
  }

  /** What finds no room keeps nobody from completing a sync, but no mark reaches it: it is never acknowledged. */
  #joinIfRoom(entry: EntryView): void {
    const { quota, map } = this.#core
    if (quota.admits(entry)) {
      this.join(entry)
      return
    }
    // What a later state has beaten was not refused: nobody misses it.
    if (!map.isNews(entry)) return
    this.refusedCount++
    this.#core.refused(entry.author, entry.sequence)
  }

  #checkOwner(entry: EntryView): void {
    // What changes nothing here harms nobody, and costs no signature check.
    if (entry.signatureStart < 0 || !this.#core.map.isNews(entry)) return
    const { map, settings } = this.#core
    if (isSignedByOwner(settings.network, entry, map)) return
    throw new PeerFault('FORGED_ENTRY', "an entry that is its author's alone is not signed by it")
  }
}
