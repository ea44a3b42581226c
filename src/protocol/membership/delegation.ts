/**
 * Hierarchical attestation, depth 1: how this node knows members that it has no connection to without appraising each.
 *
 *     record ─> am I one of the k first here? ─ yes ────────────────────────────────> appraised by me, and I tell others
 *                 └ no ─> ask k signers ─> k independent results on this record? ─ yes ─> member, on their word
 *                                             └ not in time, or they differ ──────────> appraised by me
 *     now and then ─> one result, appraised again by exactly its basis ─> a lie ─> the liar is out, and all that rests on it
 *
 * A signer is a neighbour that this node appraised itself and that answered its step-up; it is heard over its own attested
 * connection and never through others. So nobody's word reaches further than one step, nothing old can be played again, and a
 * result runs out by this node's monotonic clock. Whoever connects is appraised by this node itself, as ever.
 */
import { isRefusal, type TrustedVerdict } from '../../attestation/verdict.ts'
import { type Digest, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import {
  after,
  type Duration,
  type Instant,
  milliseconds,
  minutes,
  seconds,
} from '../../base/time.ts'
import { resultSubject } from '../../wire/delegated-result.ts'
import type { MemberRecord } from '../../wire/member-record.ts'
import type { Core } from './core.ts'
import type { PatientJudge } from './records.ts'
import { ResultAsks } from './result-asks.ts'
import { ResultBook, type Signer, voiceOf } from './result-book.ts'
import { ResultChecks } from './result-checks.ts'
import { ResultServing } from './result-serving.ts'
import type { MemberGoneCode, Rests } from './types.ts'

/** Records that wait for results at once, some 8 KiB each: two seconds' worth of questions to one signer. */
const waitingMax = 512
/** Signers appraise a newcomer when they first hear of it, as this node does now. */
const askAfter = milliseconds(500)
/** How long after a signer said nothing of a newcomer it is asked again. */
const askAgainAfter = seconds(1)
/** How long a newcomer's messages may be held for others' word: then this node looks itself. */
const patience = seconds(4)
/** What others said is asked for again so long before it runs out; in the last minute this node looks itself. */
const renewBefore = minutes(4)
const lookBefore = minutes(1)
/** Appraisals of its own in one step: a millisecond each, and others want the loop too. */
const ownPerStep = 8

interface Waiting {
  readonly record: MemberRecord
  readonly subject: Digest
  /** Whether the member is one already, and what it rests on is about to run out. */
  readonly isRenewal: boolean
  readonly since: Instant
  readonly deadline: Instant
  /** When each signer was last asked. */
  readonly asked: Map<NodeId, Instant>
}

export interface DelegationDeeds {
  /** Takes the subject of a record in on the word of others; answers whether it is in. */
  vouch(
    member: { readonly record: MemberRecord; readonly verdict: TrustedVerdict },
    rests: Rests,
    now: Instant,
  ): boolean
  /** This node looks itself; answers whether the identity is in by it. */
  appraise(record: MemberRecord, author: NodeId, now: Instant): boolean
  gone(node: NodeId, code: MemberGoneCode): void
}

export class Delegation implements PatientJudge {
  readonly #core: Core
  readonly #deeds: DelegationDeeds
  readonly #book = new ResultBook()
  readonly #waiting = new Map<NodeId, Waiting>()
  readonly #checks: ResultChecks
  readonly asks: ResultAsks
  readonly serving: ResultServing

  constructor(core: Core, deeds: DelegationDeeds) {
    this.#core = core
    this.#deeds = deeds
    this.asks = new ResultAsks(core, this.#book)
    this.serving = new ResultServing(core)
    this.#checks = new ResultChecks(core, this.#book, node => this.#withdrawn(node))
  }

  /** A record of a stranger whose possession is proven: appraised now, or kept until others said what they found. */
  recordCame(record: MemberRecord, author: NodeId, now: Instant): boolean {
    if (!this.#mayWait(now)) return this.#deeds.appraise(record, author, now)
    // Whoever finds no room is heard of again with its next beat, and the room is soon there.
    if (this.#waiting.size >= waitingMax) return true
    this.#wait(record, { now, deadline: after(now, patience), isRenewal: false })
    return true
  }

  isWaiting(author: NodeId): boolean {
    return this.#waiting.has(author)
  }

  /** This member is not one any more. What it said of others goes as well if it cannot be believed. */
  gone(node: NodeId, code: MemberGoneCode): void {
    this.#book.forget(node)
    this.#waiting.delete(node)
    if (disbelieved.has(code)) this.#withdrawn(node)
  }

  /** Another policy: nothing that was said under the old one counts, and every verdict was just formed anew. */
  govern(): void {
    this.#book.clear()
  }

  drive(now: Instant): void {
    if (this.#core.manifest().delegation === null && this.#waiting.size === 0) return
    this.#book.fold(now)
    this.asks.fold(now)
    this.#renew(now)
    this.#settle(now)
    this.#ask(now)
    this.#checks.drive(now)
  }

  wakeAt(now: Instant): Instant | null {
    const all = [...this.#waiting.values()].map(({ deadline }) => deadline)
    if (this.#waiting.size > 0) all.push(after(now, askAfter))
    const until = this.#restsUntil()
    // Where nobody finds room to wait, it is the room that is waited for.
    if (until !== null && this.#waiting.size < waitingMax) all.push(renewAt(until))
    if (until !== null) all.push(this.#checks.wakeAt() ?? until)
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  /** When the first of what others said runs out that is not asked for again yet. */
  #restsUntil(): Instant | null {
    const resting = this.#core.roster.resting().filter(({ node }) => !this.#waiting.has(node))
    const ends = resting.map(({ rests }) => rests.until)
    return ends.length === 0 ? null : (Math.min(...ends) as Instant)
  }

  /** Whether others may know better: k independent signers are here, and this node is not one of the k that others ask. */
  #mayWait(now: Instant): boolean {
    const { delegation, rival } = this.#core.manifest()
    if (delegation === null || rival !== null) return false
    const signers = this.asks.signers(now)
    return signers.length >= delegation.k && !this.#isAsked(signers, delegation.k)
  }

  #isAsked(signers: readonly Signer[], k: number): boolean {
    const { self, phase } = this.#core
    const own = phase() === 'active' ? voiceOf(self.node, self.verdict) : undefined
    if (own === undefined) return false
    return signers.filter(({ node, owner }) => node < self.node && owner !== own.owner).length < k
  }

  #wait(
    record: MemberRecord,
    how: Pick<Waiting, 'deadline' | 'isRenewal'> & { now: Instant },
  ): void {
    const { now, ...rest } = how
    const subject = resultSubject(this.#core.network, record)
    const waiting = { record, subject, since: now, asked: new Map(), ...rest }
    this.#waiting.set(nodeIdOfKey(record.keys.identity), waiting)
  }

  #settle(now: Instant): void {
    let own = 0
    for (const [node, waiting] of [...this.#waiting]) {
      if (own >= ownPerStep) return
      // Whoever went meanwhile is known anew when it is heard of anew.
      const isOver = waiting.isRenewal && this.#core.roster.verdictOf(node) === undefined
      const found = isOver ? 'over' : this.#found(node, waiting, now)
      if (found === 'wait') continue
      this.#waiting.delete(node)
      if (found === 'over') continue
      if (found === 'look') {
        own++
        this.#look(node, waiting, now)
      } else if (this.#deeds.vouch({ record: waiting.record, ...found }, found.rests, now)) {
        this.#checks.start(now)
      }
    }
  }

  #look(node: NodeId, { record, isRenewal }: Waiting, now: Instant): void {
    const isIn = this.#deeds.appraise(record, node, now)
    if (!isIn && isRenewal) this.#deeds.gone(node, 'POLICY_REFUSED')
  }

  #found(
    node: NodeId,
    { subject, deadline }: Waiting,
    now: Instant,
  ): 'wait' | 'look' | { readonly verdict: TrustedVerdict; readonly rests: Rests } {
    const { delegation } = this.#core.manifest()
    if (delegation === null) return 'look'
    const counted = this.#book.count(node, subject, { k: delegation.k, now })
    if (counted.kind === 'conflict') return 'look'
    // What it rests on already is no news: it is to be said again.
    const known = this.#core.roster.member(node, now)?.rests?.until
    const isNews = counted.kind === 'enough' && (known === undefined || counted.until > known)
    if (!isNews) return now >= deadline || !this.#mayWait(now) ? 'look' : 'wait'
    const verdict = this.#core.ports.judgeFinding(counted.finding)
    if (isRefusal(verdict)) return 'look'
    const { by, until, isFresh } = counted
    return { verdict, rests: { by, until, isFresh } }
  }

  #ask(now: Instant): void {
    const { delegation } = this.#core.manifest()
    if (delegation === null || this.#waiting.size === 0) return
    // One more than are needed, in case that one of them is slow.
    for (const signer of this.asks.signers(now).slice(0, delegation.k + 1)) {
      if (!this.asks.isIdle(signer.node, now)) continue
      const open = [...this.#waiting].filter(([node, waiting]) => {
        return this.#isOpen(node, waiting, signer, now)
      })
      if (open.length === 0) continue
      const asked = this.asks.ask(
        signer,
        open.map(([node]) => node),
        now,
      )
      for (const node of asked) this.#waiting.get(node)?.asked.set(signer.node, now)
    }
  }

  /** Whether a signer is to be asked about somebody now: not those beyond the k first while these have not failed. */
  #isOpen(node: NodeId, { since, asked }: Waiting, signer: Signer, now: Instant): boolean {
    const k = this.#core.manifest().delegation?.k ?? 0
    const before = asked.get(signer.node)
    if (before !== undefined)
      return now >= after(before, askAgainAfter) && !this.#said(node, signer, before)
    const isSpare = asked.size >= k && now < after(since, (askAfter + askAgainAfter) as Duration)
    return now >= after(since, askAfter) && !isSpare
  }

  #said(node: NodeId, signer: Signer, since: Instant): boolean {
    return this.#book.of(node).some(held => held.signer.node === signer.node && held.until > since)
  }

  /** Asks anew for what runs out, the first to do so first. */
  #renew(now: Instant): void {
    const { roster } = this.#core
    const until = this.#restsUntil()
    if (until === null || now < renewAt(until)) return
    const due = roster
      .resting()
      .filter(({ node, rests }) => now >= renewAt(rests.until) && !this.#waiting.has(node))
      .toSorted((left, right) => left.rests.until - right.rests.until)
    for (const { node, rests } of due.slice(0, Math.max(0, waitingMax - this.#waiting.size))) {
      const record = roster.record(node, now)
      const deadline = (rests.until - lookBefore) as Instant
      if (record !== undefined) this.#wait(record, { now, deadline, isRenewal: true })
    }
  }

  /** What this signer said counts no more, at once: whoever rests on too few others is no member until somebody looks. */
  #withdrawn(signer: NodeId): void {
    this.#book.withdraw(signer)
    for (const { node, rests } of this.#core.roster.resting()) {
      if (rests.by.includes(signer)) this.#deeds.gone(node, 'RESULTS_WITHDRAWN')
    }
  }
}

const renewAt = (until: Instant): Instant => (until - renewBefore) as Instant

/** Ends of a membership after which nobody goes by what the member said: others only fell silent. */
const disbelieved: ReadonlySet<MemberGoneCode> = new Set([
  'REMOVED',
  'POLICY_REFUSED',
  'RE_ATTEST_REFUSED',
  'RESULTS_WITHDRAWN',
])
