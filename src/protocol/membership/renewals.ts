/**
 * Newer evidence of neighbours. Evidence ends while its node lives on, so each node says in every hello and announcement which
 * evidence it shows now, and whoever holds other evidence asks it for its record.
 *
 * Nobody but the node itself is asked, so members cannot hand two records to and fro; how often is this node's own choice, so a
 * neighbour that shows other evidence every second makes nobody verify it every second.
 */
import { BoundedMap } from '../../base/bounded-map.ts'
import { type Digest, keyOfNodeId, type NodeId } from '../../base/ids.ts'
import { after, type Instant, milliseconds, minutes } from '../../base/time.ts'
import { evidenceDigest } from '../../wire/evidence.ts'
import { recordRequestCodec } from '../../wire/member-record.ts'
import type { Core } from './core.ts'
import type { Neighbour } from './neighbours.ts'
import { type RecordJudge, readRecord } from './records.ts'

/** After a look at one neighbour's evidence. The shortest-lived lasts hours and is renewed an hour before its end. */
const restFirst = minutes(1)
/** A look that brought nothing doubles the rest, up to here: what it lacks, such as a vendor's document, may come. */
const doublingsMax = 4
/** Neighbours of now and of lately: who reconnects is not looked at more often. */
const looksMax = 4_096

interface Look {
  /** Under way. */
  ask: number | null
  /** Looks in a row that brought nothing. */
  barren: number
  notBefore: Instant
}

export class Renewals {
  readonly #core: Core
  readonly #admissions: RecordJudge
  readonly #looks = new BoundedMap<NodeId, Look>(looksMax)

  constructor(core: Core, admissions: RecordJudge) {
    this.#core = core
    this.#admissions = admissions
  }

  /** Asks whoever says that it has other evidence than is held here. */
  drive(now: Instant): void {
    for (const { node } of this.#renewed()) {
      const look = this.#lookAt(node, now)
      if (look.ask !== null || now < look.notBefore) continue
      const bytes = recordRequestCodec.encode({ identity: keyOfNodeId(node) })
      look.ask = this.#core.outbox.ask(node, 'record', bytes)
      this.#rest(look, now)
    }
  }

  wakeAt(): Instant | null {
    let first: Instant | null = null
    for (const { node } of this.#renewed()) {
      const look = this.#looks.peek(node)
      if (look === undefined || look.ask !== null) continue
      if (first === null || look.notBefore < first) first = look.notBefore
    }
    return first
  }

  /** Whether this was the answer to a look. @throws {PeerFault} for a record that is not the neighbour's own. */
  answered({ node }: Neighbour, answer: { ask: number; bytes: Uint8Array }, now: Instant): boolean {
    const look = this.#looks.peek(node)
    if (look === undefined || look.ask !== answer.ask) return false
    look.ask = null
    this.#rest(look, now)
    const record = readRecord(this.#core.network, node, answer.bytes)
    if (record === null || evidenceDigest(record.evidence) === this.#held(node)) return true
    this.#admissions.recordCame(record, node, now)
    if (evidenceDigest(record.evidence) !== this.#held(node)) return true
    look.barren = 0
    look.notBefore = after(now, restFirst)
    this.#core.outbox.event('debug', 'EVIDENCE_RENEWED', { node })
    return true
  }

  failed({ node }: Neighbour, ask: number): void {
    const look = this.#looks.peek(node)
    if (look?.ask === ask) look.ask = null
  }

  /** The connection closed: no answer will come from there. */
  forget(node: NodeId): void {
    const look = this.#looks.peek(node)
    if (look !== undefined) look.ask = null
  }

  /** Neighbours that name other evidence than is held of them. Removal sets come before anything else is asked. */
  #renewed(): readonly Neighbour[] {
    return this.#core.neighbours.all().filter(({ node, evidence, isGateOpen }) => {
      if (evidence === null || !isGateOpen) return false
      const held = this.#held(node)
      return held !== undefined && held !== evidence
    })
  }

  #held(node: NodeId): Digest | undefined {
    return this.#core.roster.evidenceOf(node)
  }

  #lookAt(node: NodeId, now: Instant): Look {
    const known = this.#looks.get(node)
    if (known !== undefined) return known
    const look: Look = { ask: null, barren: 0, notBefore: now }
    this.#looks.set(node, look)
    return look
  }

  #rest(look: Look, now: Instant): void {
    look.notBefore = after(now, milliseconds(restFirst * 2 ** look.barren))
    look.barren = Math.min(look.barren + 1, doublingsMax)
  }
}
