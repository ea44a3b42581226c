import { HostError } from '../base/errors.ts'
import type { NodeId } from '../base/ids.ts'

/**
 * Requests that wait until a member is fresh. Membership alone asks for step-ups, so that a key, state and a
 * verdict that runs out share one quote and one rest after a failure; here is only who waits for the outcome.
 */
export class FreshnessWaits {
  readonly #need: (node: NodeId) => void
  readonly #waiting = new Map<NodeId, PromiseWithResolvers<void>>()

  /** `need` tells membership; `fresh` or `notFresh` answers, within the call or later. */
  constructor(need: (node: NodeId) => void) {
    this.#need = need
  }

  /** Resolves once the member is fresh. @throws {HostError} `NOT_FRESH`; the reason of `signal` if it aborts first. */
  async until(node: NodeId, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const waiting = this.#waiting.get(node) ?? Promise.withResolvers<void>()
    this.#waiting.set(node, waiting)
    // Every waiting request may have gone when the answer comes.
    waiting.promise.catch(() => undefined)
    this.#need(node)
    const gone = Promise.withResolvers<never>()
    const giveUp = (): void => gone.reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      await Promise.race([waiting.promise, gone.promise])
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  fresh(node: NodeId): void {
    this.#take(node)?.resolve()
  }

  notFresh(node: NodeId, code: string): void {
    const error = new HostError('NOT_FRESH', `The member did not prove itself alive: ${code}.`)
    this.#take(node)?.reject(error)
  }

  #take(node: NodeId): PromiseWithResolvers<void> | undefined {
    const waiting = this.#waiting.get(node)
    this.#waiting.delete(node)
    return waiting
  }
}
