/**
 * Asking after the silent: of themselves, and through others.
 *
 * One *round* is one challenge to one silent member, asked of it directly and of a few others who may reach
 * it. A proof of life ends the round. Without one, the answers of the others say where the silence
 * sits: nobody answers me at all (my link), they answer and do not reach it either (its link), its machine
 * refuses to be dialled (its process). A *relay* is the other side of that: a question that I pass on.
 *
 * Nobody's word kills or keeps alive. A proof is signed over my challenge by the silent member's own key, so
 * a liar cannot make one; its absence alone never ends anybody, it only fails to hold the detector back.
 *
 * Source: Das, Gupta, Motivala, "SWIM", DSN 2002, §3.1 (indirect probes).
 */
import { ifReadable } from '../../base/errors.ts'
import { keyOfNodeId, type NetworkId, type NodeId, nodeIdOfKey } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { after, type Duration, type Instant } from '../../base/time.ts'
import {
  challengeBytes,
  type LifeProof,
  type ProbeAnswer,
  type ProbeRequest,
  probeAnswerCodec,
  probeRequestCodec,
  verifyLifeProof,
} from '../../wire/probe.ts'
import type { LivenessEffect } from './input.ts'

/** Questions of others passed on at once, and of one asker. */
const relaysMax = 64
const relaysPerAskerMax = 4

/** What came of one round. */
export interface RoundResult {
  readonly target: NodeId
  /** How life was proven, if it was. */
  readonly proof: 'direct' | 'indirect' | null
  /** The member itself answered, and its main loop did not move or its beats went back. */
  readonly isHung: boolean
  /** Third members asked, and those of them that answered anything. */
  readonly asked: number
  readonly answered: number
}

interface Round {
  readonly target: NodeId
  readonly challenge: Uint8Array
  readonly endsAt: Instant
  /** Asks without an answer yet, and whom they went to. */
  readonly open: Map<number, NodeId>
  asked: number
  answered: number
  isHung: boolean
  /** Somebody else brought a proof; the member's own answer is still awaited, to tell whose link it is. */
  isProven: boolean
}

interface Relay {
  readonly request: number
  readonly asker: NodeId
  readonly endsAt: Instant
}

/** What an answer leads to. */
export interface ProbeNews {
  readonly effects: readonly LivenessEffect[]
  /** Third members that see a machine which refuses dials. */
  readonly refusals: readonly { readonly node: NodeId; readonly by: NodeId }[]
  readonly finished: readonly RoundResult[]
}

const noNews: ProbeNews = { effects: [], refusals: [], finished: [] }

export class Probes {
  readonly #random: Random
  readonly #network: NetworkId
  /** Whether a proof whose signature holds says something new: the process behind it moves. */
  readonly #isNews: (node: NodeId, proof: LifeProof) => boolean
  readonly #rounds = new Map<NodeId, Round>()
  readonly #relays = new Map<number, Relay>()
  readonly #roundOf = new Map<number, Round>()
  #lastAsk = 0

  constructor(
    ports: {
      readonly random: Random
      readonly isNews: (node: NodeId, proof: LifeProof) => boolean
    },
    options: { readonly network: NetworkId },
  ) {
    this.#random = ports.random
    this.#isNews = ports.isNews
    this.#network = options.network
  }

  isUnderWay(target: NodeId): boolean {
    return this.#rounds.has(target)
  }

  /** Asks `whom` (the target itself may be among them) whether `target` lives; ends after `patience` at the latest. */
  start(
    target: NodeId,
    question: { readonly whom: readonly NodeId[]; readonly seen: ProbeRequest['seen'] },
    at: { readonly now: Instant; readonly patience: Duration },
  ): readonly LivenessEffect[] {
    const challenge = this.#random.bytes(challengeBytes)
    const endsAt = after(at.now, at.patience)
    const counts = { asked: 0, answered: 0, isHung: false, isProven: false }
    const round: Round = { target, challenge, endsAt, open: new Map(), ...counts }
    this.#rounds.set(target, round)
    const { seen } = question
    const bytes = probeRequestCodec.encode({ challenge, target: keyOfNodeId(target), seen })
    return question.whom.map(node => {
      const ask = ++this.#lastAsk
      round.open.set(ask, node)
      this.#roundOf.set(ask, round)
      if (node !== target) round.asked++
      return { kind: 'ask', ask, node, bytes, patience: at.patience }
    })
  }

  /** Passes a question of `asker` on to the member it is about; `false` if there is no room for it. */
  relay(
    question: { readonly request: number; readonly asker: NodeId; readonly asked: ProbeRequest },
    at: { readonly now: Instant; readonly patience: Duration },
  ): LivenessEffect | undefined {
    const { request, asker, asked } = question
    const ofAsker = [...this.#relays.values()].filter(relay => relay.asker === asker)
    if (this.#relays.size >= relaysMax || ofAsker.length >= relaysPerAskerMax) return undefined
    const ask = ++this.#lastAsk
    this.#relays.set(ask, { request, asker, endsAt: after(at.now, at.patience) })
    const node = nodeIdOfKey(asked.target)
    const bytes = probeRequestCodec.encode(asked)
    return { kind: 'ask', ask, node, bytes, patience: at.patience }
  }

  /** An answer, or `null` for an ask that failed. One that comes too late is nobody's any more. */
  answered(ask: number, bytes: Uint8Array | null): ProbeNews {
    const relay = this.#relays.get(ask)
    if (relay !== undefined) {
      this.#relays.delete(ask)
      return { ...noNews, effects: [answerOf(relay.request, read(bytes))] }
    }
    const round = this.#roundOf.get(ask)
    const from = round?.open.get(ask)
    if (round === undefined || from === undefined) return noNews
    this.#roundOf.delete(ask)
    round.open.delete(ask)
    return this.#heard(round, from, read(bytes))
  }

  /** Ends what is overdue. */
  expire(now: Instant): ProbeNews {
    if (this.#rounds.size + this.#relays.size === 0) return noNews
    const effects: LivenessEffect[] = []
    for (const [ask, { request, endsAt }] of this.#relays) {
      if (endsAt > now) continue
      this.#relays.delete(ask)
      effects.push(answerOf(request, undefined))
    }
    const overdue = [...this.#rounds.values()].filter(({ endsAt }) => endsAt <= now)
    return { effects, refusals: [], finished: overdue.map(round => this.#finish(round)) }
  }

  wakeAt(): Instant | null {
    if (this.#rounds.size + this.#relays.size === 0) return null
    const all = [...this.#rounds.values(), ...this.#relays.values()].map(({ endsAt }) => endsAt)
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }

  /** Nobody asks after `node` any more. */
  forget(node: NodeId): void {
    const round = this.#rounds.get(node)
    if (round !== undefined) this.#finish(round)
  }

  #heard(round: Round, from: NodeId, answer: ProbeAnswer | undefined): ProbeNews {
    const isDirect = from === round.target
    const { target, challenge } = round
    if (answer !== undefined && !isDirect) round.answered++
    const proof = answer?.proof ?? null
    if (proof !== null && this.#holds(target, challenge, proof)) {
      if (!this.#isNews(target, proof)) round.isHung = true
      else if (isDirect) return { ...noNews, finished: [this.#finish(round, 'direct')] }
      else round.isProven = true
    }
    const isRefused = answer?.seen === 'refused' && !isDirect
    return {
      effects: [],
      refusals: isRefused ? [{ node: target, by: from }] : [],
      finished: round.open.size === 0 ? [this.#finish(round)] : [],
    }
  }

  #holds(node: NodeId, challenge: Uint8Array, proof: LifeProof): boolean {
    return verifyLifeProof({ network: this.#network, node, challenge }, proof)
  }

  #finish(
    round: Round,
    proof: RoundResult['proof'] = round.isProven ? 'indirect' : null,
  ): RoundResult {
    this.#rounds.delete(round.target)
    for (const ask of round.open.keys()) this.#roundOf.delete(ask)
    const { target, isHung, asked, answered } = round
    return { target, proof, isHung, asked, answered }
  }
}

/** What an answer says; nothing if it is none, which is what whoever sent it achieves. */
function read(bytes: Uint8Array | null): ProbeAnswer | undefined {
  return bytes === null ? undefined : ifReadable(() => probeAnswerCodec.decode(bytes))
}

/** Passes a member's own answer on. Its signature is the asker's to check: it alone knows what it asked. */
function answerOf(request: number, answer: ProbeAnswer | undefined): LivenessEffect {
  const proof = answer?.seen === 'alive' ? answer.proof : null
  const seen = proof === null ? 'silent' : 'alive'
  return { kind: 'answer', request, bytes: probeAnswerCodec.encode({ seen, proof }) }
}
