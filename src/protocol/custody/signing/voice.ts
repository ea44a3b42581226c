/** What one node says in a ceremony, and says again until it ends. */
import { equalBytes, toHex } from '../../../base/bytes.ts'
import { after, type Duration, type Instant } from '../../../base/time.ts'
import type { StatementKind } from '../../../wire/signing-statement.ts'
import type { CeremonyPlan } from './plan.ts'
import { type Send, type Speaker, say, sendTo } from './statements.ts'

/** The longest pause between two answers to one participant is so many times the first. */
const pauseFactorMax = 64

export class Voice {
  readonly #plan: CeremonyPlan
  readonly #speaker: Speaker
  readonly #replies = new Map<string, { readonly until: Instant; readonly pause: Duration }>()
  #handedOver: readonly Uint8Array[] | undefined
  #said: Send[] = []

  constructor(plan: CeremonyPlan, speaker: Speaker) {
    this.#plan = plan
    this.#speaker = speaker
  }

  /** A statement of this node, encoded and said to nobody yet. */
  statement(kind: StatementKind, body: Uint8Array): Uint8Array {
    return say(this.#speaker, this.#plan.about, { kind, body })
  }

  /** All pages of a table that never changes again: made once, because a full one takes half a second to write and sign. */
  handover(bodies: () => readonly Uint8Array[]): readonly Uint8Array[] {
    this.#handedOver ??= bodies().map(body => this.statement('handover', body))
    return this.#handedOver
  }

  /** Everybody with a part in it but this node. */
  get others(): readonly Uint8Array[] {
    return this.#plan.everybody.filter(each => !equalBytes(each, this.#speaker.identity))
  }

  /**
   * Whether somebody is answered now: not again before `first`, and then after twice as long each time. What answers is heard as a question
   * by who is through, so answers that take longer than the pause between them would never end.
   */
  mayReply(identity: Uint8Array, now: Instant, first: Duration): boolean {
    if (equalBytes(identity, this.#speaker.identity)) return false
    const name = toHex(identity)
    const before = this.#replies.get(name)
    if (before !== undefined && now < before.until) return false
    const most = pauseFactorMax * first
    const pause = (before === undefined ? first : Math.min(2 * before.pause, most)) as Duration
    this.#replies.set(name, { until: after(now, pause), pause })
    return true
  }

  to(identity: Uint8Array, kind: StatementKind, body: Uint8Array): Send {
    const send = sendTo(identity, this.statement(kind, body))
    this.#said.push(send)
    return send
  }

  /** To all others; also as it was said, for this node to hear as well. */
  toAll(kind: StatementKind, body: Uint8Array) {
    const bytes = this.statement(kind, body)
    const sends = this.others.map(identity => sendTo(identity, bytes))
    this.#said.push(...sends)
    return { bytes, sends }
  }

  /** All of it once more. */
  again(): readonly Send[] {
    return this.#said
  }

  /** Nothing that was said so far is said again. */
  forget(): void {
    this.#said = []
  }
}
