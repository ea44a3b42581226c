/**
 * Member records: how this node comes to know members that it has no connection to.
 *
 * Whoever handed on a message of a stranger is asked for the stranger's record first; it is a member, so it
 * has one. The record proves itself: possession by signature, the rest by appraisal.
 */

import { PeerFault } from '../../base/errors.ts'
import { keyOfNodeId, type NetworkId, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, type Instant, milliseconds, seconds } from '../../base/time.ts'
import {
  type MemberRecord,
  recordAnswerCodec,
  recordRequestCodec,
  verifyPossession,
} from '../../wire/member-record.ts'
import type { Core } from './core.ts'

/** Authors asked for at once. A flood of made-up authors finds no more room than this. */
const wantedMax = 64
/** Of these, authors that one neighbour named: its made-up ones must not crowd out those that others name. */
const wantedPerNeighbour = 16
/** Members that are asked for one author before it is given up. */
const triesMax = 4
const retryAfter = milliseconds(250)
/** How long an author that nobody vouched for is not asked for again. */
const restFor = seconds(10)
const restingMax = 256

/** Gets records whose possession is proven, to be appraised; answers whether the identity is in by it. */
export interface RecordJudge {
  recordCame(record: MemberRecord, author: NodeId, now: Instant): boolean
}

/** A judge that may wait for others' word. */
export interface PatientJudge extends RecordJudge {
  /** Whether the record of this identity came and is still to be judged. */
  isWaiting(author: NodeId): boolean
}

/** The record of `author` in an answer, signed by it. @throws {PeerFault} */
export function readRecord(
  network: NetworkId,
  author: NodeId,
  bytes: Uint8Array,
): MemberRecord | null {
  const { record } = recordAnswerCodec.decode(bytes)
  if (record === null) return null
  const isAuthors = nodeIdOfKey(record.keys.identity) === author
  if (!isAuthors || !verifyPossession(network, record)) {
    throw new PeerFault('BAD_RECORD', 'a record is signed by the identity that was asked for')
  }
  return record
}

interface Wanted {
  /** The neighbour whose message named the author first. */
  readonly namedBy: NodeId
  readonly asked: Set<NodeId>
  from: NodeId
  ask: number | null
  notBefore: Instant
}

export class Records {
  readonly #core: Core
  readonly #admissions: PatientJudge
  readonly #wanted = new Map<NodeId, Wanted>()
  readonly #resting = new Map<NodeId, Instant>()

  constructor(core: Core, admissions: PatientJudge) {
    this.#core = core
    this.#admissions = admissions
  }

  /** Wants the record of `author`, whose message came from `from`. */
  need(author: NodeId, from: NodeId, now: Instant): void {
    if (this.#wanted.has(author) || this.#resting.has(author)) return
    // Its next beat comes sooner than the judgement: asked for again, its record would begin to wait again, for ever.
    if (this.#admissions.isWaiting(author)) return
    if (this.#wanted.size >= wantedMax || this.#core.isRemoved(author)) return
    const ofNeighbour = [...this.#wanted.values()].filter(({ namedBy }) => namedBy === from)
    if (ofNeighbour.length >= wantedPerNeighbour) return
    this.#wanted.set(author, {
      ...{ namedBy: from, from, notBefore: now },
      ...{ asked: new Set(), ask: null },
    })
  }

  /** This node's own record, a member's, or none. @throws {PeerFault} for a malformed request. */
  answer(bytes: Uint8Array, now: Instant): Uint8Array {
    const { identity } = recordRequestCodec.decode(bytes)
    return recordAnswerCodec.encode({ record: this.of(nodeIdOfKey(identity), now) ?? null })
  }

  /** This node's own record or a member's, as far as it is whole. */
  of(node: NodeId, now: Instant): MemberRecord | undefined {
    const { self, roster, own } = this.#core
    return node === self.node ? own.record : roster.record(node, now)
  }

  /** @throws {PeerFault} for a record that is not the author's. */
  answered(answer: { ask: number; bytes: Uint8Array }, now: Instant): void {
    const author = this.#askedBy(answer.ask)
    const wanted = author && this.#wanted.get(author)
    if (author === undefined || wanted === undefined) return
    wanted.ask = null
    const record = readRecord(this.#core.network, author, answer.bytes)
    // What is held there may have ended: somebody else may have newer evidence of the same identity.
    if (record !== null && this.#admissions.recordCame(record, author, now))
      this.#wanted.delete(author)
  }

  failed(ask: number): void {
    const author = this.#askedBy(ask)
    const wanted = author && this.#wanted.get(author)
    if (wanted !== undefined) wanted.ask = null
  }

  drive(now: Instant): void {
    for (const [author, until] of this.#resting) if (now >= until) this.#resting.delete(author)
    for (const [author, wanted] of [...this.#wanted]) {
      if (this.#core.roster.isMember(author, now)) this.#wanted.delete(author)
      else if (wanted.ask === null && now >= wanted.notBefore) this.#try(author, wanted, now)
    }
  }

  wakeAt(): Instant | null {
    const wanted = [...this.#wanted.values()].filter(({ ask }) => ask === null)
    const all = [...wanted.map(({ notBefore }) => notBefore), ...this.#resting.values()]
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  /** The connection closed: no answer will come from there. */
  forget(node: NodeId): void {
    for (const wanted of this.#wanted.values()) {
      if (wanted.from === node) wanted.ask = null
    }
  }

  #try(author: NodeId, wanted: Wanted, now: Instant): void {
    const open = this.#core.neighbours.all().filter(({ isGateOpen }) => isGateOpen)
    const candidates = [wanted.from, ...open.map(({ node }) => node)]
    const next = candidates.find(
      node => !wanted.asked.has(node) && this.#core.neighbours.of(node)?.isGateOpen === true,
    )
    if (next === undefined || wanted.asked.size >= triesMax) return this.#giveUp(author, now)
    wanted.asked.add(next)
    wanted.from = next
    wanted.notBefore = after(now, retryAfter)
    const bytes = recordRequestCodec.encode({ identity: keyOfNodeId(author) })
    wanted.ask = this.#core.outbox.ask(next, 'record', bytes)
  }

  #giveUp(author: NodeId, now: Instant): void {
    this.#wanted.delete(author)
    if (this.#resting.size < restingMax) this.#resting.set(author, after(now, restFor))
    this.#core.outbox.event('debug', 'RECORD_NOT_FOUND', { node: author })
  }

  #askedBy(ask: number): NodeId | undefined {
    for (const [author, wanted] of this.#wanted) if (wanted.ask === ask) return author
    return undefined
  }
}
