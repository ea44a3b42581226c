/**
 * Who is alive, as far as this node can tell.
 *
 * Every interval each member signs a beat and says in it whose beats it has heard. Two questions are kept
 * apart. *Is this beat recent?* The host may record and replay anything, and no clock of another machine
 * is believed: a beat is accepted only if it cites a beat of mine, or one that I accepted from a third
 * member, a moment ago (freshness.ts). *Is this silence long?* Measured against the gaps of accepted beats
 * alone (phi.ts), after the time for which this process itself stood still was taken out.
 *
 *     A            B
 *     | --- A1 --> |     B hears A1 and does not accept it yet
 *     | <-- B1 --- |     B1 cites A1: A accepts B
 *     | --- A2 --> |     A2 cites B1: B accepts A
 *
 * A heal after a partition is the same three arrows. What this room does not do: it removes nobody and
 * elects nobody. `suspect` and `dead` steer traffic; only two contradicting signatures are evidence.
 *
 * Sources: Hayashibara 2004 (phi accrual); Das, Gupta, Motivala, "SWIM", DSN 2002, §4.2 (suspicion and
 * refutation); Dadgar, Phillips, Currey, "Lifeguard", 2018 (a slow observer blames itself).
 */
import { assert, unreachable } from '../../base/errors.ts'
import type { NodeId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { after, between, type Duration, type Instant } from '../../base/time.ts'
import { beatDigest, citationsMax, type Heartbeat, heartbeatCodec } from '../../wire/heartbeat.ts'
import type { Machine } from '../machine.ts'
import { Anchors, chooseCitations } from './freshness.ts'
import {
  type BeatSource,
  type LivenessEffect,
  type LivenessInput,
  type LivenessOptions,
  type LivenessRules,
  type LivenessState,
  livenessRules,
} from './input.ts'
import { ObservedMember, type ReceivedBeat } from './observed.ts'

/** Judgements per interval: a change of state is noticed at most a quarter of an interval late. */
const judgementsPerInterval = 4
/** Lateness of my own alarm, in intervals, that is my own fault and excuses others. */
const stallIntervals = 0.5
/** After a stall this long, in intervals, my citable beats are old; others need this long to be accepted again. */
const longStallIntervals = 2

type BeatReceived = Extract<LivenessInput, { kind: 'beatReceived' }>

export class Liveness implements Machine<LivenessInput, LivenessEffect> {
  readonly #source: BeatSource
  readonly #random: Random
  readonly #self: NodeId
  readonly #interval: Duration
  readonly #rules: LivenessRules
  readonly #anchors: Anchors
  readonly #members = new Map<NodeId, ObservedMember>()
  #sequence = 0
  #nextBeat: Instant
  #nextJudgement: Instant
  #lastStep: Instant

  /** `random` feeds the 16 bytes of each beat. */
  constructor(
    ports: { readonly source: BeatSource; readonly random: Random },
    options: LivenessOptions,
  ) {
    assert(options.interval > 0, 'the interval between beats is positive')
    this.#source = ports.source
    this.#random = ports.random
    this.#self = options.self
    this.#interval = options.interval
    this.#rules = options.rules ?? livenessRules
    const { citationIntervals } = this.#rules
    this.#anchors = new Anchors(options.self, { interval: options.interval, citationIntervals })
    this.#nextBeat = options.startsAt
    this.#nextJudgement = options.startsAt
    this.#lastStep = options.startsAt
  }

  /** @throws {PeerFault} when a payload is not a heartbeat; then nothing changed and its author is at fault. */
  step(input: LivenessInput, now: Instant): readonly LivenessEffect[] {
    // Decoded before anything else, so that a refused payload leaves no trace.
    const beat = input.kind === 'beatReceived' ? heartbeatCodec.decode(input.payload) : undefined
    this.#excuseOwnStall(now)
    switch (input.kind) {
      case 'tick':
        return this.#tick(now)
      case 'beatReceived':
        return beat === undefined ? [] : this.#beatReceived(input, beat, now)
      case 'memberAdded':
        if (input.node !== this.#self && !this.#members.has(input.node)) {
          this.#members.set(input.node, this.#observe(now))
        }
        return []
      case 'memberGone':
        this.#forget(input.node)
        return []
      case 'connectionOpened':
        this.#members.get(input.node)?.connectionOpened()
        return []
      case 'connectionClosed':
        this.#members.get(input.node)?.connectionClosed(input.reconnect)
        return this.#judge([input.node], now)
      case 'closureCorroborated':
        // Only a living third member is a witness: neither the accused nor a stranger.
        if (input.by === input.node || this.stateOf(input.by) !== 'alive') return []
        this.#members.get(input.node)?.corroborated(input.by)
        return this.#judge([input.node], now)
      default:
        return unreachable(input)
    }
  }

  wakeAt(): Instant {
    return Math.min(this.#nextBeat, this.#nextJudgement) as Instant
  }

  /** How a member looks; `undefined` for whoever is none. Oneself is not asked about. */
  stateOf(node: NodeId): LivenessState | undefined {
    return this.#members.get(node)?.state
  }

  /** Suspicion level: -log10 of the chance that a beat is still to come; `null` before the first accepted beat. */
  phi(node: NodeId, now: Instant): number | null {
    return this.#members.get(node)?.phi(now) ?? null
  }

  /** What the last accepted beat of a member said it was; `null` before the first. */
  phaseOf(node: NodeId): 'joining' | 'active' | null {
    return this.#members.get(node)?.phase ?? null
  }

  /** Members, without oneself, that are `alive` and said `active` in their last accepted beat, in id order. */
  liveActive(): readonly NodeId[] {
    return [...this.#members]
      .filter(([, member]) => member.state === 'alive' && member.phase === 'active')
      .map(([node]) => node)
      .toSorted()
  }

  #tick(now: Instant): readonly LivenessEffect[] {
    const effects: LivenessEffect[] = []
    if (now >= this.#nextJudgement) {
      effects.push(...this.#judge(this.#members.keys(), now))
      this.#nextJudgement = after(now, (this.#interval / judgementsPerInterval) as Duration)
    }
    if (now >= this.#nextBeat) {
      effects.push(this.#beat(now))
      const planned = after(this.#nextBeat, this.#interval)
      this.#nextBeat = planned > now ? planned : after(now, this.#interval)
    }
    return effects
  }

  #beat(now: Instant): LivenessEffect {
    const candidates = [...this.#members.values()].flatMap(member => {
      if (member.latest === undefined) return []
      const { citation, receivedAt } = member.latest
      const isLive = member.state === 'alive'
      return [{ member, citation, receivedAt, isLive, citedAt: member.citedAt }]
    })
    const heardWithin = (this.#interval * this.#rules.citationIntervals) as Duration
    const chosen = chooseCitations(candidates, { now, heardWithin, max: citationsMax })
    for (const { member } of chosen) member.citedAt = now
    const payload = heartbeatCodec.encode({
      ...this.#source.content(now),
      random: this.#random.bytes(16),
      citations: chosen.map(({ citation }) => citation),
    })
    this.#sequence++
    const sequence = this.#sequence
    this.#anchors.sent(beatDigest({ author: this.#self, sequence, payload }).citation, now)
    return { kind: 'sendBeat', sequence, payload }
  }

  #beatReceived(input: BeatReceived, beat: Heartbeat, now: Instant): readonly LivenessEffect[] {
    const member = this.#members.get(input.author)
    if (member === undefined) return []
    const { sequence, signedBody } = input
    const received = { sequence, signedBody, ...beatDigest(input), receivedAt: now }
    const other = member.receive(received)
    if (other !== undefined) return this.#equivocated(member, input, other)
    if (input.sequence <= member.acceptedSequence) return []
    const fresh = this.#anchors.judge(input.author, beat.citations, now)
    if (fresh === undefined) return []
    this.#anchors.accepted(input.author, received.citation, { now, rootAt: fresh.rootAt })
    member.acceptedSequence = input.sequence
    member.phase = beat.phase
    const acceptedBeat = { ...beat, sequence: input.sequence, citesMe: fresh.citesMe }
    const accepted: LivenessEffect = { kind: 'accepted', node: input.author, beat: acceptedBeat }
    if (beat.progress <= member.progress) return [accepted]
    member.progress = beat.progress
    return [accepted, ...this.#changes([input.author], now, () => member.arrived(now))]
  }

  #equivocated(
    member: ObservedMember,
    input: BeatReceived,
    other: ReceivedBeat,
  ): readonly LivenessEffect[] {
    if (member.isEquivocator) return []
    member.isEquivocator = true
    const { author, sequence, signedBody } = input
    return [{ kind: 'equivocated', author, sequence, first: other.signedBody, second: signedBody }]
  }

  #judge(nodes: Iterable<NodeId>, now: Instant): readonly LivenessEffect[] {
    return this.#changes(nodes, now, member => member.judge(now))
  }

  /** Does `deed` to each member named, and tells whose state it changed. */
  #changes(
    nodes: Iterable<NodeId>,
    now: Instant,
    deed: (member: ObservedMember) => void,
  ): readonly LivenessEffect[] {
    const effects: LivenessEffect[] = []
    for (const node of nodes) {
      const member = this.#members.get(node)
      if (member === undefined) continue
      const from = member.state
      const phi = member.phi(now)
      deed(member)
      const to = member.state
      if (to !== from) effects.push({ kind: 'stateChanged', node, from, to, phi })
    }
    return effects
  }

  #observe(now: Instant): ObservedMember {
    const { newIntervals } = this.#rules
    return new ObservedMember({ interval: this.#interval, newIntervals }, now)
  }

  #forget(node: NodeId): void {
    this.#members.delete(node)
    this.#anchors.forget(node)
    for (const member of this.#members.values()) member.corroboratorGone(node)
  }

  /** Lifeguard's first lesson in its simplest form: if my own alarm was late, I was away, not they. */
  #excuseOwnStall(now: Instant): void {
    const late = between(Math.max(this.wakeAt(), this.#lastStep) as Instant, now)
    this.#lastStep = now
    if (late < this.#interval * stallIntervals) return
    const isLong = late >= this.#interval * longStallIntervals
    const excused = late + (isLong ? this.#interval * longStallIntervals : 0)
    for (const member of this.#members.values()) member.excuse(excused as Duration, now)
  }
}
