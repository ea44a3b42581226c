import type { Clock } from '../base/time.ts'
import type { RefusedConnection } from '../host/net/port.ts'
import type { RefusalView } from './handle.ts'

const refusalsMax = 100

/** The latest handshakes that did not end in a connection, newest first. */
export class RefusalLog {
  readonly #clock: Clock
  #refusals: readonly RefusalView[] = []

  constructor(ports: { readonly clock: Clock }) {
    this.#clock = ports.clock
  }

  note(refused: RefusedConnection): void {
    const view: RefusalView = {
      at: new Date(this.#clock.wall()).toISOString(),
      by: refused.by,
      node: refused.node,
      address: refused.address,
      code: refused.refusal.code,
      facts: refused.refusal.facts,
    }
    this.#refusals = [view, ...this.#refusals].slice(0, refusalsMax)
  }

  latest(): readonly RefusalView[] {
    return this.#refusals
  }
}
