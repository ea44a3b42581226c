import type { NodeId } from '../../base/ids.ts'
import { after, type Instant, seconds } from '../../base/time.ts'
import type { Outbox } from './outbox.ts'

/** A quote on real hardware takes seconds and serialises on one machine; beyond this it has failed. */
const patience = seconds(30)
/** After a failure: long enough that a refusing member costs little, short against any evidence age. */
const rest = seconds(5)

/** Which members were asked for a fresh quote, one at a time each: all who wait share it. */
export class StepUps {
  readonly #outbox: Outbox
  readonly #pending = new Map<NodeId, Instant>()
  readonly #resting = new Map<NodeId, Instant>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  /** Asks a connected member for a fresh quote unless that is under way or has just failed. */
  request(node: NodeId, purpose: 'step-up' | 're-attest', now: Instant): void {
    if (this.#pending.has(node) || this.#resting.has(node)) return
    this.#pending.set(node, after(now, patience))
    this.#outbox.emit({ kind: 'stepUp', node, purpose })
  }

  succeeded(node: NodeId): void {
    this.#pending.delete(node)
    this.#resting.delete(node)
  }

  failed(node: NodeId, now: Instant): void {
    if (this.#pending.delete(node)) this.#resting.set(node, after(now, rest))
  }

  forget(node: NodeId): void {
    this.#pending.delete(node)
    this.#resting.delete(node)
  }

  /** Gives up on what took too long and lets the rested be asked again. */
  fold(now: Instant): void {
    for (const [node, until] of this.#pending) if (now >= until) this.failed(node, now)
    for (const [node, until] of this.#resting) if (now >= until) this.#resting.delete(node)
  }

  wakeAt(): Instant | null {
    const all = [...this.#pending.values(), ...this.#resting.values()]
    return all.length === 0 ? null : (Math.min(...all) as Instant)
  }
}
