/** The members in doubt: when others are asked after them, what their answers mean, and what I answer others. */
import { type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import { below, type Random } from '../../base/random.ts'
import { after, type Duration, type Instant } from '../../base/time.ts'
import {
  type LifeProof,
  lifeProofMessage,
  type ProbeAnswer,
  type ProbeRequest,
  probeAnswerCodec,
} from '../../wire/probe.ts'
import type { LocalHealth } from './health.ts'
import type { LivenessEffect, LivenessOptions, LivenessPorts } from './input.ts'
import type { ObservedMember } from './observed.ts'
import type { LivenessPace } from './pace.ts'
import { type ProbeNews, Probes, type RoundResult } from './probes.ts'

/** Third members asked in one round: one of three liars or cut-off helpers still leaves two. */
const helpersMax = 3
/** How long a round lasts, and a question that I pass on, in intervals: my "no" must be back before the asker gives up. */
const roundIntervals = 0.5
const relayIntervals = 0.3
/**
 * Rounds begun in one interval, by a node that is well. SWIM asks after one member a period, whatever the size of the
 * network (§3): whoever misses many at once, which is mostly whoever is slow itself, must not make all others slow.
 */
const roundsPerInterval = 4
/** Questions of one member answered between two beats of mine; more are answered with nothing. */
const servedPerBeatMax = 16

export class Doubts {
  readonly #members: ReadonlyMap<NodeId, ObservedMember>
  readonly #health: LocalHealth
  readonly #ports: LivenessPorts
  readonly #options: LivenessOptions
  readonly #pace: Pick<LivenessPace, 'interval'>
  readonly #probes: Probes
  readonly #doubted = new Set<NodeId>()
  readonly #served = new Map<NodeId, number>()
  /** When the last rounds began, oldest first; at most as many as begin in one interval. */
  #begun: readonly Instant[] = []

  constructor(
    ports: LivenessPorts,
    parts: {
      readonly members: ReadonlyMap<NodeId, ObservedMember>
      readonly health: LocalHealth
      readonly pace: Pick<LivenessPace, 'interval'>
    },
    options: LivenessOptions,
  ) {
    this.#ports = ports
    this.#members = parts.members
    this.#health = parts.health
    this.#options = options
    this.#pace = parts.pace
    const isNews = (node: NodeId, proof: LifeProof): boolean => this.#isNews(node, proof)
    this.#probes = new Probes({ random: ports.random, isNews }, { network: options.network })
  }

  /** This member may need asking after. */
  doubt(node: NodeId): void {
    this.#doubted.add(node)
  }

  forget(node: NodeId): void {
    this.#doubted.delete(node)
    this.#served.delete(node)
    this.#probes.forget(node)
  }

  /** A beat of mine went out: everybody may ask again. */
  beatSent(): void {
    this.#served.clear()
  }

  wakeAt(): Instant | null {
    const ends = this.#probes.wakeAt()
    // Asked at every step, and almost always nobody is in doubt.
    const [next] = this.#doubted.size === 0 ? [] : this.#due()
    if (next === undefined) return ends
    const begins = Math.max(next.at, this.#mayBeginAt()) as Instant
    return ends === null || begins < ends ? begins : ends
  }

  /** Whether nobody is doubted and nothing is asked: almost always. */
  get isQuiet(): boolean {
    return this.#doubted.size === 0 && this.#probes.wakeAt() === null
  }

  /** Ends and begins rounds. `changed` hears of every member whose case looks different now. */
  drive(now: Instant, changed: (node: NodeId) => void): readonly LivenessEffect[] {
    const effects = [...this.#take(this.#probes.expire(now), now, changed)]
    for (const node of this.#doubted) {
      const due = this.#members.get(node)?.nextRoundAt ?? null
      if (due === null) this.#doubted.delete(node)
    }
    for (const { node, member, at } of this.#due()) {
      if (at > now || this.#mayBeginAt() > now) break
      effects.push(...this.#begin(node, member, now))
    }
    return effects
  }

  /** Who waits for a round, whoever waits longest first. */
  #due(): readonly {
    readonly node: NodeId
    readonly member: ObservedMember
    readonly at: Instant
  }[] {
    return [...this.#doubted]
      .flatMap(node => {
        const member = this.#members.get(node)
        const at = this.#probes.isUnderWay(node) ? null : (member?.nextRoundAt ?? null)
        return member === undefined || at === null ? [] : [{ node, member, at }]
      })
      .toSorted((left, right) => left.at - right.at)
  }

  /** When another round may begin. */
  #mayBeginAt(): Instant {
    const [oldest] = this.#begun
    if (oldest === undefined || this.#begun.length < roundsPerInterval) return 0 as Instant
    return after(oldest, (this.#pace.interval * this.#health.multiplier) as Duration)
  }

  answered(
    ask: number,
    bytes: Uint8Array | null,
    at: { readonly now: Instant; readonly changed: (node: NodeId) => void },
  ): readonly LivenessEffect[] {
    return this.#take(this.#probes.answered(ask, bytes), at.now, at.changed)
  }

  /** Answers a question about a third member; `asked.target` is not this node. */
  askedAfter(
    question: { readonly request: number; readonly from: NodeId; readonly asked: ProbeRequest },
    at: { readonly now: Instant; readonly changed: (node: NodeId) => void },
  ): readonly LivenessEffect[] {
    const { request, from, asked } = question
    const target = nodeIdOfKey(asked.target)
    const member = this.#members.get(target)
    if (member === undefined || !this.#mayAsk(from)) return [answer(request, 'unknown')]
    if (asked.seen === 'refused') {
      this.#corroborate(target, from)
      at.changed(target)
    }
    if (!member.isConnected) return [answer(request, member.isRefused ? 'refused' : 'silent')]
    const patience = (this.#pace.interval * relayIntervals) as Duration
    const relay = this.#probes.relay({ request, asker: from, asked }, { now: at.now, patience })
    return [relay ?? answer(request, 'silent')]
  }

  /** Proves to `from` that this node is alive. */
  askedAfterMe(
    question: { readonly request: number; readonly from: NodeId; readonly asked: ProbeRequest },
    sequence: number,
  ): LivenessEffect {
    const { request, from, asked } = question
    if (!this.#mayAsk(from)) return answer(request, 'unknown')
    const { network, self } = this.#options
    const progress = this.#ports.source.turn()
    const { challenge } = asked
    const claim = { network, node: self, challenge, sequence, progress }
    const signature = this.#ports.sign(lifeProofMessage(claim))
    return answer(request, 'alive', { sequence, progress, signature })
  }

  #begin(node: NodeId, member: ObservedMember, now: Instant): readonly LivenessEffect[] {
    member.roundBegins(now, this.#health.multiplier)
    this.#begun = [...this.#begun, now].slice(-roundsPerInterval)
    const helpers = this.#helpersFor(node)
    if (helpers.length === 0 && this.#members.size > 1) member.isLonely()
    const whom = member.isConnected ? [node, ...helpers] : helpers
    if (whom.length === 0) {
      member.isUnaskable()
      return []
    }
    const seen = member.isRefused ? 'refused' : 'silent'
    const patience = (this.#pace.interval * roundIntervals * this.#health.multiplier) as Duration
    return this.#probes.start(node, { whom, seen }, { now, patience })
  }

  /** Living neighbours, drawn by lot: whoever wants to be asked by everybody cannot arrange it. */
  #helpersFor(target: NodeId): readonly NodeId[] {
    const candidates = [...this.#members]
      .filter(([node, { isConnected, state }]) => {
        return node !== target && isConnected && state === 'alive'
      })
      .map(([node]) => node)
    return draw(candidates, helpersMax, this.#ports.random)
  }

  #take(news: ProbeNews, now: Instant, changed: (node: NodeId) => void): readonly LivenessEffect[] {
    for (const { node, by } of news.refusals) this.#corroborate(node, by)
    for (const result of news.finished) this.#finished(result, now)
    for (const { node } of news.refusals) changed(node)
    for (const { target } of news.finished) changed(target)
    return news.effects
  }

  /** Only a living third member is a witness: neither the accused nor a stranger. */
  #corroborate(node: NodeId, by: NodeId): void {
    if (by === node || this.#members.get(by)?.state !== 'alive') return
    this.#members.get(node)?.corroborated(by)
  }

  #finished(result: RoundResult, now: Instant): void {
    const member = this.#members.get(result.target)
    if (member === undefined) return
    const isMine = result.proof === 'indirect' || (result.asked > 0 && result.answered === 0)
    if (isMine) this.#health.blame()
    else if (result.answered > 0) this.#health.pardon()
    member.roundEnded(result, now)
  }

  /** A proof counts if the process behind it moved on since its last sign of life: a rolled back one has not. */
  #isNews(node: NodeId, proof: LifeProof): boolean {
    const member = this.#members.get(node)
    if (member === undefined || proof.sequence < member.acceptedSequence) return false
    if (proof.progress <= Math.max(member.progress, member.provenProgress)) return false
    member.provenProgress = proof.progress
    return true
  }

  #mayAsk(from: NodeId): boolean {
    const served = (this.#served.get(from) ?? 0) + 1
    if (served > servedPerBeatMax) return false
    this.#served.set(from, served)
    return true
  }
}

/** At most `count` of `all`, each as likely as any other. */
function draw<T>(all: readonly T[], count: number, random: Random): readonly T[] {
  const left = [...all]
  const drawn: T[] = []
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(below(random, left.length), 1))
  }
  return drawn
}

function answer(
  request: number,
  seen: ProbeAnswer['seen'],
  proof: LifeProof | null = null,
): LivenessEffect {
  return { kind: 'answer', request, bytes: probeAnswerCodec.encode({ seen, proof }) }
}
