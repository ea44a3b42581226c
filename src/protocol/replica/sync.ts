/**
 * Pulls from members: after a connection, a gap, a root that differs, and now and then.
 *
 * A pull asks for pages until the answerer's log ends: the cut. What then holds is that all the answerer had
 * merged is merged here, so its marks become ours. Each side pulls; none pushes. A page is merged after the
 * next one is asked for, so that both sides work at once.
 */
import { toHex } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import { type Digest, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, between, type Instant, instant, milliseconds, seconds } from '../../base/time.ts'
import { type SyncAnswer, syncAnswerCodec, syncRequestCodec, toldUsage } from '../../wire/sync.ts'
import type { Core } from './core.ts'
import { dropByListing } from './drop-by-listing.ts'
import type { Merge } from './merge.ts'
import { DescentRound, type Round, type SketchCut, SketchRound } from './reconcile.ts'
import { statedMarks } from './sync-server.ts'
import {
  lookAgain,
  newSource,
  type Pull,
  type PullStep,
  placesOf,
  type Source,
} from './sync-source.ts'
import type { ReplicaMember } from './types.ts'

/** Pulls under way at once, after a first one was completed: until then two would bring everything twice. */
const pullsMax = 2
/** Least rest between two pulls from one member, whatever asks for them. */
const restMin = seconds(1)
/** How long gossip may be on its way, overtaken by later batches and beats, before it is held for lost. */
const gapPatience = milliseconds(250)
/** After a pull that failed. */
const restAfterFailure = seconds(3)

export class Sync {
  readonly #core: Core
  readonly #merge: Merge
  readonly #sources = new Map<NodeId, Source>()
  /** Group time when this node, empty, first had a clock: it cannot have missed a removal before. */
  #bornAt: number | undefined
  #pullsMax = 1
  /** Members that could be asked at the last look. */
  #sourceCount = 1
  #isRestored = false

  constructor(core: Core, merge: Merge) {
    this.#core = core
    this.#merge = merge
  }

  connected(node: NodeId, now: Instant): void {
    const source = this.#sourceOf(node, now)
    source.isWanted = true
    source.restUntil = now
  }

  /** The answer under way will not come. */
  failed(node: NodeId, now: Instant): void {
    const source = this.#sources.get(node)
    if (source?.pull === undefined) return
    this.#giveUp(source, now)
  }

  /** Something that `node` holds is missing: unless it comes by itself meanwhile, it is pulled. */
  missed(node: NodeId, now: Instant): void {
    const source = this.#sourceOf(node, now)
    const at = after(now, gapPatience)
    if (at < source.dueAt) source.dueAt = at
  }

  /** A beat of `node` named its root; `own` is this node's, if known. */
  compared(
    node: NodeId,
    roots: { readonly own: Uint8Array; readonly theirs: Uint8Array },
    now: Instant,
  ): void {
    const source = this.#sourceOf(node, now)
    const [own, theirs] = [toHex(roots.own), toHex(roots.theirs)]
    if (own === theirs) {
      source.difference = undefined
      source.remedies = 0
      this.#core.witnesses.equalled(this.#core.instanceOf(node), this.#core.activeInstances)
      return
    }
    const pair = own + theirs
    const times = source.difference?.roots === pair ? source.difference.times + 1 : 1
    source.difference = { roots: pair, times }
    // While all write, roots differ by what is on its way: most of it has come when this is asked.
    this.missed(node, now)
  }

  /** Group time up to which this replica missed nothing that `node` could know, as `Witnesses.syncedAt`. */
  syncedAt(node: NodeId): number {
    const { witnesses, activeInstances } = this.#core
    return witnesses.syncedAt(node, activeInstances) ?? this.#bornAt ?? 0
  }

  /** Remembers when the clock of this empty replica began. */
  born(groupMs: number): void {
    this.#bornAt ??= groupMs
  }

  /** What this replica holds came from a disk: it may have missed any removal; or, since a group time, it is all there is. */
  restored(foundedAt?: number): void {
    this.#bornAt = foundedAt ?? 0
    this.#isRestored = foundedAt === undefined
  }

  /**
   * Forgets members that left the roster, but for when they were synced with: who returns after a day has its
   * pruned removals to tell.
   */
  keep(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#sources.keys()) if (!nodes.has(node)) this.#sources.delete(node)
  }

  /** Requests that are to be sent now, to members out of `sources` (connected, active). */
  due(
    sources: readonly NodeId[],
    members: readonly ReplicaMember[],
    now: Instant,
  ): { readonly to: NodeId; readonly bytes: Uint8Array }[] {
    this.#sourceCount = sources.length
    const requests: { to: NodeId; bytes: Uint8Array }[] = []
    let underWay = placesOf(this.#sources.values(), now).count
    for (const to of sources) {
      const source = this.#sourceOf(to, now)
      if (underWay >= this.#pullsMax) break
      if (source.pull !== undefined || this.#nextAt(source) > now) continue
      const pull = this.#begin(to, source, now)
      const question = pull.round?.ask()
      // A round that cannot begin leaves it to pages, and their answer must be read as one.
      source.pull = question === undefined ? { ...pull, round: undefined } : pull
      source.isWanted = false
      underWay++
      requests.push({ to, bytes: question ?? this.#request(pull, members) })
    }
    return requests
  }

  /** When `due` next has something for one of `sources`. */
  wakeAt(sources: readonly NodeId[], now: Instant): Instant | null {
    if (this.unmerged().length > 0) return now
    // The end of a pull is an input of its own.
    const places = placesOf(this.#sources.values(), now)
    if (places.count >= this.#pullsMax) return places.freeAt
    let earliest: Instant | null = null
    for (const node of sources) {
      const source = this.#sources.get(node)
      if (source === undefined || source.pull !== undefined) continue
      const at = this.#nextAt(source)
      if (earliest === null || at < earliest) earliest = at
    }
    return earliest
  }

  /**
   * Takes an answer. @throws {PeerFault} for one that no honest member sends: nothing of it is merged, the
   * pull is given up.
   */
  answered(
    node: NodeId,
    bytes: Uint8Array,
    members: readonly ReplicaMember[],
    now: Instant,
  ): PullStep | undefined {
    const source = this.#sources.get(node)
    const pull = source?.pull
    if (source === undefined || pull === undefined) return undefined
    if (pull.isSpoiled) return void this.#giveUp(source, now)
    try {
      if (pull.round !== undefined) return this.#takeRound({ source, pull, bytes }, members, now)
      const answer = syncAnswerCodec.decode(bytes)
      return this.#take({ source, pull, answer }, members, now)
    } catch (fault) {
      this.#giveUp(source, now)
      throw fault
    }
  }

  /** Members with a page that came and is not merged: whoever makes the next one need not wait for that. */
  unmerged(): readonly NodeId[] {
    const waiting = [...this.#sources].filter(([, { pull }]) => pull?.unmerged !== undefined)
    return waiting.map(([node]) => node)
  }

  /**
   * Merges such a page. Answers the commit keys that it names. @throws {PeerFault} for one that no honest member
   * sends: nothing of it is merged, the pull ends with the answer under way.
   */
  mergePage(node: NodeId, now: Instant): readonly Digest[] {
    const pull = this.#sources.get(node)?.pull
    if (pull === undefined) return []
    try {
      return this.#mergeUnmerged(pull, now)
    } catch (fault) {
      pull.isSpoiled = true
      throw fault
    }
  }

  #mergeUnmerged(pull: Pull, now: Instant): readonly Digest[] {
    const { unmerged } = pull
    if (unmerged === undefined) return []
    pull.unmerged = undefined
    const floor = this.#core.clock.floor(now) ?? 0
    const merged = this.#merge.page(
      unmerged.page,
      {
        listed: pull.listed === undefined ? undefined : row => pull.listed?.add(row),
        isStale: unmerged.syncedAt < floor && this.#core.marks.hasForgotten,
        of: pull.of,
      },
      now,
    )
    pull.isClean &&= merged.isClean
    return merged.commitKeys
  }

  #take(
    at: {
      readonly source: Source
      readonly pull: Pull
      readonly answer: ReturnType<typeof syncAnswerCodec.decode>
    },
    members: readonly ReplicaMember[],
    now: Instant,
  ): PullStep {
    const { source, pull, answer } = at
    const core = this.#core
    core.timeTold(pull.of, answer.groupClock, now)
    this.born(core.clock.read(now) ?? 0)
    const isSameLog = pull.log !== null && toHex(pull.log) === toHex(answer.log)
    if (!answer.isLast && isSameLog && answer.next <= pull.cursor) {
      throw new PeerFault('SYNC_STUCK', 'a page leads nowhere')
    }
    const earlier = this.#mergeUnmerged(pull, now)
    pull.log = answer.log
    pull.cursor = answer.next
    pull.unmerged = answer
    if (!answer.isLast) {
      const next = this.#request(pull, members)
      return { isCompleted: false, next, commitKeys: earlier, ownMark: 0 }
    }
    const commitKeys = [...earlier, ...this.#mergeUnmerged(pull, now)]
    const ownMark = this.#adoptMarks(pull, answer, now)
    core.usageTold(pull.of, toldUsage(answer))
    source.pull = undefined
    source.restUntil = after(now, restMin)
    source.dueAt = after(now, lookAgain(core, this.#sourceCount))
    if (!pull.isClean) {
      source.restUntil = after(now, restAfterFailure)
      return { isCompleted: false, next: undefined, commitKeys, ownMark }
    }
    if (pull.isRetry) core.marks.retried(pull.of)
    this.#pullsMax = pullsMax
    if (pull.listed !== undefined) this.#isRestored = false
    source.log = pull.log
    source.cursor = pull.cursor
    this.#synced(pull, now)
    return { isCompleted: true, next: undefined, commitKeys, ownMark }
  }

  /** An answer within a round. */
  #takeRound(
    at: { readonly source: Source; readonly pull: Pull; readonly bytes: Uint8Array },
    members: readonly ReplicaMember[],
    now: Instant,
  ): PullStep {
    const { source, pull } = at
    const taken = pull.round?.take(at.bytes, now)
    const { commitKeys } = taken ?? { commitKeys: [] }
    const step = taken?.step ?? { kind: 'pointless' }
    if (step.kind === 'ask') {
      return { isCompleted: false, next: step.bytes, commitKeys, ownMark: 0 }
    }
    if (step.kind === 'pointless') {
      source.mustSnapshot = true
      source.pull = { ...pull, round: undefined }
      const next = this.#request(source.pull, members)
      return { isCompleted: false, next, commitKeys, ownMark: 0 }
    }
    source.pull = undefined
    source.restUntil = after(now, step.isClean ? restMin : restAfterFailure)
    source.dueAt = after(now, lookAgain(this.#core, this.#sourceCount))
    if (step.cut === undefined || !step.isClean) {
      return { isCompleted: false, next: undefined, commitKeys, ownMark: 0 }
    }
    this.#adoptCut(source, pull.of, step.cut)
    if (!this.#core.shares.hasTold(pull.of)) {
      // Nobody writes before it was told what its machine holds already: a page tells that.
      const { log, cursor } = source
      source.pull = { ...pull, round: undefined, from: { log, cursor }, log, cursor }
      const next = this.#request(source.pull, members)
      return { isCompleted: false, next, commitKeys, ownMark: step.cut.held }
    }
    this.#synced(pull, now)
    return { isCompleted: true, next: undefined, commitKeys, ownMark: step.cut.held }
  }

  /**
   * All that the answerer held when its symbols were taken is held here. Its claims come with the next pull of pages,
   * which starts at that cut.
   */
  #adoptCut(source: Source, of: NodeId, cut: SketchCut): void {
    this.#core.marks.synced(of, cut.sequence)
    source.log = cut.log
    source.cursor = cut.head
  }

  /** By the clock of this node: one that lies about its own would be in sync for ever, or never. */
  #synced({ of, startedAt }: Pull, now: Instant): void {
    const { clock, witnesses } = this.#core
    const at = (clock.read(now) ?? 0) - between(startedAt, now)
    witnesses.synced(of, this.#core.instanceOf(of), Math.max(0, Math.floor(at)))
  }

  /** All that the answerer had merged is merged here, or was seen removed. Answers its mark for this node. */
  #adoptMarks(pull: Pull, answer: SyncAnswer, now: Instant): number {
    const core = this.#core
    const seen = new Map<number, number>()
    const instance = core.instanceOf(pull.of)
    let ownMark = 0
    for (const { author: key, mark } of answer.marks) {
      const author = nodeIdOfKey(key)
      const index = core.map.authors.find(author)
      if (index >= 0) seen.set(index, mark)
      if (author === core.self) ownMark = mark
      else if (pull.isClean && author === pull.of) core.marks.synced(author, mark)
      else if (pull.isClean && instance !== undefined) core.marks.claimed(author, mark, instance)
    }
    if (pull.listed !== undefined && pull.isClean) {
      const said = { of: pull.of, listed: pull.listed, answer, seen }
      dropByListing(core, { ...said, isRestored: this.#isRestored }, now)
    }
    return ownMark
  }

  #begin(of: NodeId, source: Source, now: Instant): Pull {
    // Without a clock there was no time to miss anything, but what a disk kept is old all the same.
    const isStale = this.#isRestored || this.syncedAt(of) < (this.#core.clock.floor(now) ?? 0)
    // The same two roots three times over, with a pull between each: something is amiss, compare all.
    const isAmiss = (source.difference?.times ?? 0) >= 3
    const remedy = isAmiss ? source.remedies++ % 3 : undefined
    const mustListAll = isStale || remedy === 2
    if (isAmiss) source.difference = undefined
    if (isAmiss && !this.#core.isConfirmed) this.#core.marks.dropClaims()
    const isRetry = this.#core.marks.hasRefused(of) && source.retryAt <= now
    if (isRetry) {
      source.retryAt = after(now, this.#core.settings.syncInterval)
      this.#core.marks.retrying(of)
    }
    const isWhole = mustListAll || isRetry
    const from = isWhole ? { log: null, cursor: 0 } : { log: source.log, cursor: source.cursor }
    const listed = mustListAll ? new Set<number>() : undefined
    const round = isWhole ? undefined : this.#roundWith(of, source, remedy)
    const ahead = { unmerged: undefined, isSpoiled: false }
    return { of, startedAt: now, from, ...from, isClean: true, listed, round, isRetry, ...ahead }
  }

  /** The cursor if there is one; else, and against a difference that stays, something that needs none. */
  #roundWith(of: NodeId, source: Source, remedy: number | undefined): Round | undefined {
    const ports = { core: this.#core, merge: this.#merge, syncedAt: this.syncedAt(of) }
    if (remedy === 1) return new DescentRound(ports, of)
    const isUnknown = source.log === null && !source.mustSnapshot
    const hasSketch = this.#core.commitment.items.sketch.count > 0
    return hasSketch && (remedy === 0 || isUnknown) ? new SketchRound(ports, of) : undefined
  }

  #request(pull: Pull, members: readonly ReplicaMember[]): Uint8Array {
    return syncRequestCodec.encode({
      log: pull.log,
      cursor: pull.cursor,
      marks: pull.listed !== undefined ? [] : statedMarks(this.#core, { node: pull.of, members }),
    })
  }

  #giveUp(source: Source, now: Instant): void {
    source.pull = undefined
    source.isWanted = true
    source.restUntil = after(now, restAfterFailure)
  }

  #nextAt(source: Source): Instant {
    if (source.isWanted) return source.restUntil
    return instant(Math.max(source.dueAt, source.restUntil))
  }

  #sourceOf(node: NodeId, now: Instant): Source {
    const known = this.#sources.get(node)
    if (known !== undefined) return known
    const source = newSource(now)
    this.#sources.set(node, source)
    return source
  }
}
