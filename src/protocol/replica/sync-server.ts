/** Answers a member that asks for what changed here: one bounded page at a time. */

import { equalBytes } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import { bytesOfDigest, type Digest, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Instant } from '../../base/time.ts'
import { blankEntry } from '../../wire/entry.ts'
import { limits } from '../../wire/limits.ts'
import { isReconcileQuestion } from '../../wire/reconcile.ts'
import {
  type SyncMark,
  SyncPageWriter,
  type SyncRequest,
  syncAnswerCodec,
  syncRequestCodec,
  usageExtension,
} from '../../wire/sync.ts'
import type { Core } from './core.ts'
import { identityKey } from './entry-hash.ts'
import type { Merge } from './merge.ts'
import { ReconcileServer, type ServedAnswer } from './reconcile-server.ts'
import type { CachePage, ReplicaEffect, ReplicaMember } from './types.ts'

/** Rows looked at for one page: a page of entries that the asker has already must not hold up the loop. */
const rowsPerPageMax = 20_000

export class SyncServer {
  readonly #core: Core
  /** Names this change log: its numbers mean nothing in another. */
  readonly #log: Uint8Array
  readonly #reconciler: ReconcileServer
  readonly #writer = new SyncPageWriter()
  readonly #entry = blankEntry()

  constructor(core: Core, merge: Merge) {
    this.#core = core
    this.#log = core.ports.random.bytes(16)
    this.#reconciler = new ReconcileServer(core, merge, this.#log)
  }

  /** What a request comes to: its answer, or a refusal, and whose fault that is. */
  serve(
    request: { readonly id: number; readonly bytes: Uint8Array },
    asker: Parameters<SyncServer['answer']>[1],
    now: Instant,
  ): { readonly effects: readonly ReplicaEffect[]; readonly commitKeys: readonly Digest[] } {
    const { id } = request
    try {
      const { bytes, commitKeys } = this.answer(request.bytes, asker, now)
      return { effects: [{ kind: 'answer', id, bytes }], commitKeys }
    } catch (fault) {
      if (!(fault instanceof PeerFault)) throw fault
      const refused: ReplicaEffect = { kind: 'refuse', id, code: 'BAD_REQUEST' }
      const blamed: ReplicaEffect = { kind: 'peerFault', node: asker.node, code: fault.code }
      return { effects: [refused, blamed], commitKeys: [] }
    }
  }

  /** The answer to a request. @throws {PeerFault} for one that no honest member sends. */
  answer(
    bytes: Uint8Array,
    asker: {
      readonly node: NodeId
      readonly syncedAt: number
      readonly members: readonly ReplicaMember[]
    },
    now: Instant,
  ): ServedAnswer {
    if (isReconcileQuestion(bytes)) {
      const isActive = asker.members.some(m => m.node === asker.node && m.phase === 'active')
      return this.#reconciler.answer(bytes, { ...asker, isActive }, now)
    }
    const request = syncRequestCodec.decode(bytes)
    const { clock } = this.#core
    const { next, isLast } = this.#fill(request)
    const answer = syncAnswerCodec.encode({
      log: this.#log,
      next,
      isLast,
      marks: isLast ? statedMarks(this.#core, asker) : [],
      groupClock: clock.read(now) ?? 0,
      floor: clock.floor(now) ?? 0,
      syncedAt: asker.syncedAt,
      page: this.#finish(),
      ...(isLast && { extensions: usageExtension(this.#core.quota.usageBeside(asker.node)) }),
    })
    return { bytes: answer, commitKeys: [] }
  }

  /** As `ReplicaQueries.cachePage`. */
  cachePage(cursor: number): CachePage | undefined {
    if (this.#core.map.cells.log.firstAfter(cursor) < 0) return undefined
    const { next, isLast } = this.#fill({ log: this.#log, cursor, marks: [] })
    return { bytes: this.#finish(), next, isLast }
  }

  #finish(): Uint8Array {
    const { map } = this.#core
    return this.#writer.finish(
      author => identityKey(map.author(author)),
      commitKey => bytesOfDigest(map.commitKey(commitKey)),
    )
  }

  #fill(request: SyncRequest): { readonly next: number; readonly isLast: boolean } {
    const { cells } = this.#core.map
    const { log } = cells
    const { author, sequence } = cells.columns
    const isKnown = request.log !== null && equalBytes(request.log, this.#log)
    const seen = this.#seenBy(request)
    let next = isKnown ? request.cursor : 0
    let row = log.firstAfter(next)
    for (let looked = 0; row >= 0; looked++, row = log.after(row)) {
      if (looked === rowsPerPageMax) return { next, isLast: false }
      const batch = sequence[row] ?? 0
      // What is in no batch yet moves to the end of the log when it is.
      if (batch !== 0 && batch > (seen.get(author.at(row)) ?? 0)) {
        cells.read(row, this.#entry)
        if (!this.#writer.add(this.#entry)) return { next, isLast: false }
      }
      next = log.numberOf(row)
    }
    return { next: log.head, isLast: true }
  }

  #seenBy(request: SyncRequest): ReadonlyMap<number, number> {
    const seen = new Map<number, number>()
    for (const { author, mark } of request.marks) {
      const index = this.#core.map.authors.find(nodeIdOfKey(author))
      if (index >= 0) seen.set(index, mark)
    }
    return seen
  }
}

/**
 * This node's version vector as it travels: itself, the roster, then others as far as there is room. Of the
 * batches of `to`, who reads it, only what is held here: no claim of a third member counts against an author. And
 * of nobody more than that while this replica is not confirmed: a liar would speak through it.
 */
export function statedMarks(
  core: Core,
  { node: to, members }: { readonly node: NodeId; readonly members: readonly ReplicaMember[] },
): SyncMark[] {
  const stated = new Map<NodeId, number>()
  const { isConfirmed, marks } = core
  const markOf = (author: NodeId): number =>
    isConfirmed ? marks.markOf(author) : marks.heldOf(author)
  stated.set(core.self, core.outbox.sequence)
  stated.set(to, core.marks.heldOf(to))
  for (const { node } of members) {
    const mark = markOf(node)
    if (node !== to && mark > 0 && stated.size < limits.syncMarksMax) stated.set(node, mark)
  }
  for (const { author } of marks.all()) {
    if (stated.size >= limits.syncMarksMax) break
    const mark = markOf(author)
    if (author !== to && mark > 0 && core.canTellOf(author)) stated.set(author, mark)
  }
  if (stated.get(to) === 0) stated.delete(to)
  return [...stated].map(([author, mark]) => ({ author: identityKey(author), mark }))
}
