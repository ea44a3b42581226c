/**
 * Who is asked for a fresh quote, and when: the one place where freshness is asked for.
 *
 * A step-up serves whoever needs one (a key, state, a verdict that runs out, a suspicion), so each member is
 * asked once at a time and all who wait share the answer.
 */
import type { NodeId } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import type { Outbox } from './outbox.ts'

/** A quote on real hardware takes seconds and serialises on one machine; beyond this it has failed. */
const patience = seconds(30)
/** After a failure: long enough that a refusing member costs little, short against any evidence age. */
const rest = seconds(5)

interface Resting {
  readonly until: Instant
  /** Why the last step-up failed. */
  readonly code: string
}

/** Which members were asked for a fresh quote, one at a time each. */
export class StepUps {
  readonly #outbox: Outbox
  readonly #pending = new Map<NodeId, Instant>()
  readonly #resting = new Map<NodeId, Resting>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  /** Asks a connected member for a fresh quote unless that is under way or has just failed. */
  request(node: NodeId, purpose: 'step-up' | 're-attest', now: Instant): void {
    if (this.#pending.has(node) || this.#resting.has(node)) return
    this.#pending.set(node, after(now, patience))
    this.#outbox.emit({ kind: 'stepUp', node, purpose })
  }

  /** The same for somebody who waits: `memberFresh` or `memberNotFresh` follows, at once while a failure rests. */
  need(node: NodeId, now: Instant): void {
    const resting = this.#resting.get(node)
    if (resting === undefined) this.request(node, 'step-up', now)
    else this.#outbox.emit({ kind: 'memberNotFresh', node, code: resting.code })
  }

  succeeded(node: NodeId): void {
    this.#pending.delete(node)
    this.#resting.delete(node)
  }

  failed(node: NodeId, code: string, now: Instant): void {
    if (!this.#pending.delete(node)) return
    this.#resting.set(node, { until: after(now, rest), code })
    this.#outbox.emit({ kind: 'memberNotFresh', node, code })
  }

  /** The connection is gone: an answer to what was asked on it cannot come. */
  forget(node: NodeId): void {
    this.#resting.delete(node)
    if (!this.#pending.delete(node)) return
    this.#outbox.emit({ kind: 'memberNotFresh', node, code: 'NOT_CONNECTED' })
  }

  /** Gives up on what took too long and lets the rested be asked again. */
  fold(now: Instant): void {
    for (const [node, until] of this.#pending) {
      if (now >= until) this.failed(node, 'STEP_UP_TIMEOUT', now)
    }
    for (const [node, { until }] of this.#resting) if (now >= until) this.#resting.delete(node)
  }

  wakeAt(): Instant | null {
    const rests = [...this.#resting.values()].map(({ until }) => until)
    const all = [...this.#pending.values(), ...rests]
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }
}
