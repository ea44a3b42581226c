/** What one step wants done, and which asks are under way. Shared by the parts of the machine. */
import type { RefusalFacts } from '../../attestation/verdict.ts'
import type { NodeId } from '../../base/ids.ts'
import type { MembershipEffect, MembershipProtocol } from './types.ts'

/** An ask without an answer yet. */
export interface PendingAsk {
  readonly node: NodeId
  readonly protocol: MembershipProtocol
}

export class Outbox {
  readonly #asks = new Map<number, PendingAsk>()
  #effects: MembershipEffect[] = []
  #closed: NodeId[] = []
  #lastAsk = 0

  emit(effect: MembershipEffect): void {
    this.#effects.push(effect)
  }

  /** Asks `node`; the number comes back with the answer. */
  ask(node: NodeId, protocol: MembershipProtocol, bytes: Uint8Array): number {
    const ask = ++this.#lastAsk
    this.#asks.set(ask, { node, protocol })
    this.emit({ kind: 'ask', ask, node, protocol, bytes })
    return ask
  }

  /** The ask that this number names, once; `undefined` if it was forgotten. */
  settle(ask: number): PendingAsk | undefined {
    const pending = this.#asks.get(ask)
    this.#asks.delete(ask)
    return pending
  }

  /** Answers to asks of this node are ignored from now on. */
  forgetAsks(node: NodeId): void {
    for (const [ask, pending] of this.#asks) if (pending.node === node) this.#asks.delete(ask)
  }

  /** Closes the connection to `node`; the machine forgets it before the step ends. */
  disconnect(node: NodeId, code: string): void {
    this.emit({ kind: 'disconnect', node, code })
    this.#closed.push(node)
  }

  /** The same for a member that sent what no member sends. */
  fault(node: NodeId, code: string): void {
    this.emit({ kind: 'faulted', node, code })
    this.#closed.push(node)
  }

  event(
    level: 'warn' | 'info' | 'debug',
    code: string,
    about: { readonly node?: NodeId; readonly facts?: RefusalFacts } = {},
  ): void {
    this.emit({ kind: 'event', level, code, node: about.node ?? null, facts: about.facts ?? {} })
  }

  /** Nodes that were disconnected since the last call. */
  takeClosed(): readonly NodeId[] {
    const closed = this.#closed
    this.#closed = []
    return closed
  }

  /** All effects since the last call, in order. */
  drain(): readonly MembershipEffect[] {
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}
