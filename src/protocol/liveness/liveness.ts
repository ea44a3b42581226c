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
 * A heal after a partition is the same three arrows. Before a suspect is called dead, it is asked itself and
 * through others (doubts.ts, probes.ts), with the patience that this node's own health demands (health.ts).
 *
 * What this room does not do: it removes nobody and elects nobody. `suspect` and `dead` steer traffic; only two
 * contradicting signatures are evidence.
 *
 * Sources: Hayashibara 2004 (phi accrual); Das, Gupta, Motivala, "SWIM", DSN 2002, §4.2 (suspicion and
 * refutation); Dadgar, Phillips, Currey, "Lifeguard", 2018 (a slow observer blames itself).
 */
import { unreachable } from '../../base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { after, between, type Duration, type Instant, milliseconds } from '../../base/time.ts'
import { beatDigest, citationsMax, type Heartbeat, heartbeatCodec } from '../../wire/heartbeat.ts'
import { type ProbeRequest, probeRequestCodec } from '../../wire/probe.ts'
import type { Machine } from '../machine.ts'
import { Doubts } from './doubts.ts'
import { Anchors, chooseCitations } from './freshness.ts'
import { LocalHealth } from './health.ts'
import {
  type LivenessEffect,
  type LivenessInput,
  type LivenessOptions,
  type LivenessPorts,
  type LivenessState,
  livenessRules,
  type SuspicionCause,
} from './input.ts'
import { type LeaseView, PolicyLease } from './lease.ts'
import { ObservedMember, type ReceivedBeat } from './observed.ts'
import { type LivenessPace, Pace } from './pace.ts'

/** Judgements per interval: a change of state is noticed at most a quarter of an interval late. */
const judgementsPerInterval = 4
/** Lateness of my own alarm, in intervals, that is my own fault and excuses others. */
const stallIntervals = 0.5
/** After a stall this long, in intervals, my citable beats are old; others need this long to be accepted again. */
const longStallIntervals = 2

/** Least rest between two beats, in intervals: whoever asks again and again gets no more of them. */
const beatRest = 0.5

type InputOf<Kind extends LivenessInput['kind']> = Extract<LivenessInput, { kind: Kind }>

export class Liveness implements Machine<LivenessInput, LivenessEffect> {
  readonly #ports: LivenessPorts
  readonly #self: NodeId
  readonly #pace: Pace
  readonly #anchors: Anchors
  readonly #members = new Map<NodeId, ObservedMember>()
  readonly #health = new LocalHealth()
  readonly #doubts: Doubts
  readonly #lease: PolicyLease
  /** What was last told of the lease. */
  #leaseKind: LeaseView['kind'] = 'held'
  #sequence = 0
  #lastBeat: Instant | null = null
  #nextBeat: Instant
  #nextJudgement: Instant
  #lastStep: Instant

  constructor(ports: LivenessPorts, options: LivenessOptions) {
    this.#ports = ports
    this.#self = options.self
    this.#pace = new Pace({ interval: options.interval, ...(options.rules ?? livenessRules) })
    this.#anchors = new Anchors(options.self, this.#pace)
    const pace = this.#pace
    this.#lease = new PolicyLease({
      ownInstance: options.instance,
      get span() {
        return milliseconds(pace.leaseMs)
      },
    })
    const parts = { members: this.#members, health: this.#health }
    this.#doubts = new Doubts(ports, { ...parts, pace: this.#pace }, options)
    this.#nextBeat = options.startsAt
    this.#nextJudgement = options.startsAt
    this.#lastStep = options.startsAt
  }

  /** @throws {PeerFault} when a beat or a request is none; then nothing changed and its author is at fault. */
  step(input: LivenessInput, now: Instant): readonly LivenessEffect[] {
    // Decoded before anything else, so that refused bytes leave no trace.
    const beat = input.kind === 'beatReceived' ? heartbeatCodec.decode(input.payload) : undefined
    const asked = input.kind === 'asked' ? probeRequestCodec.decode(input.bytes) : undefined
    this.#excuseOwnStall(now)
    const effects = [...this.#take(input, { beat, asked }, now)]
    if (this.#doubts.isQuiet) return effects
    const changed: NodeId[] = []
    effects.push(...this.#doubts.drive(now, node => changed.push(node)))
    return [...effects, ...this.#judge(changed, now), ...this.#judge(changed, now)]
  }

  #take(
    input: LivenessInput,
    read: { readonly beat: Heartbeat | undefined; readonly asked: ProbeRequest | undefined },
    now: Instant,
  ): readonly LivenessEffect[] {
    switch (input.kind) {
      case 'tick':
        return this.#tick(now)
      case 'beatReceived':
        return read.beat === undefined ? [] : this.#beatReceived(input, read.beat, now)
      case 'asked':
        return read.asked === undefined ? [] : this.#asked(input, read.asked, now)
      case 'answered':
        return this.#answered(input.ask, input.bytes, now)
      case 'askFailed':
        return this.#answered(input.ask, null, now)
      case 'memberAdded':
        this.#memberAdded(input, now)
        return []
      case 'memberGone':
        this.#forget(input.node)
        return []
      case 'connectionOpened':
        this.#members.get(input.node)?.connectionOpened()
        return []
      case 'connectionClosed':
        this.#members.get(input.node)?.connectionClosed(input.reconnect, now)
        if (input.reconnect === 'refused') this.#doubts.doubt(input.node)
        return this.#judge([input.node], now)
      case 'paceChanged':
        return this.#paceChanged(input.pace, now)
      default:
        return unreachable(input)
    }
  }

  wakeAt(): Instant {
    const probes = this.#doubts.wakeAt() ?? Number.POSITIVE_INFINITY
    return Math.min(this.#nextBeat, this.#nextJudgement, probes) as Instant
  }

  /** How a member looks; `undefined` for whoever is none. Oneself is not asked about. */
  stateOf(node: NodeId): LivenessState | undefined {
    return this.#members.get(node)?.state
  }

  /** Suspicion level: -log10 of the chance that a beat is still to come; `null` before the first accepted beat. */
  phi(node: NodeId, now: Instant): number | null {
    return this.#members.get(node)?.phi(now) ?? null
  }

  /** Where the silence of a suspected or dead member sits; `null` for all others. */
  causeOf(node: NodeId): SuspicionCause | null {
    return this.#members.get(node)?.cause ?? null
  }

  /** How much longer than usual this node waits before it calls others dead: 1 (it is well) to 4. */
  get patience(): number {
    return this.#health.multiplier
  }

  /** How long no beat of a member was accepted, excused stalls left out; `null` before the first. */
  silence(node: NodeId, now: Instant): Duration | null {
    return this.#members.get(node)?.silence(now) ?? null
  }

  /** Whether most machines of the roster heard this node lately. Time is its argument, so it is exact at any moment. */
  lease(now: Instant): LeaseView {
    return this.#lease.at(now)
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
      effects.push(...this.#judge(this.#members.keys(), now), ...this.#lookAtLease(now))
      this.#nextJudgement = after(now, (this.#interval / judgementsPerInterval) as Duration)
    }
    if (now >= this.#nextBeat) {
      const isOnTime = between(this.#nextBeat, now) < this.#interval * stallIntervals
      if (isOnTime) this.#health.beatOnTime()
      effects.push(this.#beat(now))
      const planned = after(this.#nextBeat, this.#interval)
      this.#nextBeat = planned > now ? planned : after(now, this.#interval)
    }
    return effects
  }

  #lookAtLease(now: Instant): readonly LivenessEffect[] {
    const lease = this.#lease.at(now)
    if (lease.kind === this.#leaseKind) return []
    this.#leaseKind = lease.kind
    return [{ kind: 'leaseChanged', lease }]
  }

  #memberAdded({ node, instance }: InputOf<'memberAdded'>, now: Instant): void {
    if (node === this.#self) return
    this.#lease.memberAdded(node, instance)
    if (!this.#members.has(node)) this.#members.set(node, this.#observe(now))
  }

  #asked(
    { request, from }: InputOf<'asked'>,
    asked: ProbeRequest,
    now: Instant,
  ): readonly LivenessEffect[] {
    if (nodeIdOfKey(asked.target) === this.#self) {
      const proof = this.#doubts.askedAfterMe({ request, from, asked }, this.#sequence)
      return [proof, ...this.#refute(now)]
    }
    const changed: NodeId[] = []
    const at = { now, changed: (node: NodeId) => changed.push(node) }
    const effects = this.#doubts.askedAfter({ request, from, asked }, at)
    return [...effects, ...this.#judge(changed, now)]
  }

  #answered(ask: number, bytes: Uint8Array | null, now: Instant): readonly LivenessEffect[] {
    const changed: NodeId[] = []
    const at = { now, changed: (node: NodeId) => changed.push(node) }
    const effects = this.#doubts.answered(ask, bytes, at)
    // Twice, because whoever is known to be gone passes through `suspect` and does not stay there.
    return [...effects, ...this.#judge(changed, now), ...this.#judge(changed, now)]
  }

  /** Somebody asks whether I live, so somebody doubts it: a beat says it to all at once. */
  #refute(now: Instant): readonly LivenessEffect[] {
    const isRested =
      this.#lastBeat !== null && between(this.#lastBeat, now) >= this.#interval * beatRest
    return isRested ? [this.#beat(now)] : []
  }

  #beat(now: Instant): LivenessEffect {
    const candidates = [...this.#members.values()].flatMap(member => {
      if (member.latest === undefined) return []
      const { citation, receivedAt } = member.latest
      const isLive = member.state === 'alive'
      return [{ member, citation, receivedAt, isLive, citedAt: member.citedAt }]
    })
    const heardWithin = (this.#interval * this.#pace.citationIntervals) as Duration
    const chosen = chooseCitations(candidates, { now, heardWithin, max: citationsMax })
    for (const { member } of chosen) member.citedAt = now
    const payload = heartbeatCodec.encode({
      ...this.#ports.source.content(now),
      random: this.#ports.random.bytes(16),
      citations: chosen.map(({ citation }) => citation),
    })
    const sequence = ++this.#sequence
    this.#lastBeat = now
    this.#doubts.beatSent()
    this.#anchors.sent(beatDigest({ author: this.#self, sequence, payload }).citation, now)
    return { kind: 'sendBeat', sequence, payload }
  }

  #beatReceived(
    input: InputOf<'beatReceived'>,
    beat: Heartbeat,
    now: Instant,
  ): readonly LivenessEffect[] {
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
    const { citedMineAt } = fresh
    if (citedMineAt !== null) this.#lease.cited(input.author, citedMineAt)
    const acceptedBeat = { ...beat, sequence: input.sequence, citesMe: citedMineAt !== null }
    const accepted: LivenessEffect = { kind: 'accepted', node: input.author, beat: acceptedBeat }
    if (beat.progress <= member.progress) return [accepted]
    member.progress = beat.progress
    return [accepted, ...this.#changes([input.author], now, () => member.arrived(now))]
  }

  #equivocated(
    member: ObservedMember,
    input: InputOf<'beatReceived'>,
    other: ReceivedBeat,
  ): readonly LivenessEffect[] {
    if (member.isEquivocator) return []
    member.isEquivocator = true
    const { author, sequence, signedBody } = input
    return [{ kind: 'equivocated', author, sequence, first: other.signedBody, second: signedBody }]
  }

  #judge(nodes: Iterable<NodeId>, now: Instant): readonly LivenessEffect[] {
    const patience = this.#health.multiplier
    return this.#changes(nodes, now, member => member.judge(now, patience))
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
      if (to === from) continue
      if (to === 'suspect') this.#doubts.doubt(node)
      effects.push({ kind: 'stateChanged', node, from, to, phi, cause: member.cause })
    }
    return effects
  }

  #observe(now: Instant): ObservedMember {
    return new ObservedMember(this.#pace, now)
  }

  /** Others change at other moments: what was learned of their rhythm is forgotten, and nobody is late for it. */
  #paceChanged(pace: LivenessPace, now: Instant): readonly LivenessEffect[] {
    if (this.#pace.equals(pace)) return []
    this.#pace.change(pace)
    for (const member of this.#members.values()) member.paceChanged(now)
    this.#nextBeat = earlier(this.#nextBeat, after(now, pace.interval))
    this.#nextJudgement = now
    return []
  }

  get #interval(): Duration {
    return this.#pace.interval
  }

  #forget(node: NodeId): void {
    this.#members.delete(node)
    this.#doubts.forget(node)
    this.#lease.memberGone(node)
    this.#anchors.forget(node)
    for (const member of this.#members.values()) member.corroboratorGone(node)
  }

  /** Lifeguard's first lesson in its simplest form: if my own alarm was late, I was away, not they. */
  #excuseOwnStall(now: Instant): void {
    const late = between(Math.max(this.wakeAt(), this.#lastStep) as Instant, now)
    this.#lastStep = now
    if (late < this.#interval * stallIntervals) return
    this.#health.blame()
    const isLong = late >= this.#interval * longStallIntervals
    const excused = late + (isLong ? this.#interval * longStallIntervals : 0)
    for (const member of this.#members.values()) member.excuse(excused as Duration, now)
  }
}

function earlier(left: Instant, right: Instant): Instant {
  return left < right ? left : right
}
