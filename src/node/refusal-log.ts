import { after, type Clock, type Instant, seconds } from '../base/time.ts'
import type { RefusedConnection } from '../host/net/port.ts'
import type { RefusalView } from './handle.ts'
import { adviceOn } from './refusal-advice.ts'

const refusalsMax = 100
/** A refusal that lasts is repeated at each redial, and a redial comes at least every 30 s. */
const lasting = seconds(60)

interface Noted {
  readonly view: RefusalView
  readonly at: Instant
}

/**
 * The latest handshakes that did not end in a connection, newest first. A node that is refused for one reason
 * again and again has one line: it pushes nobody else's out.
 */
export class RefusalLog {
  readonly #clock: Clock
  /** Newest last. */
  readonly #noted = new Map<string, Noted>()

  constructor(ports: { readonly clock: Clock }) {
    this.#clock = ports.clock
  }

  /** Answers whether people should hear of it: of repeats the first, second, fourth, eighth and so on. */
  note(refused: RefusedConnection): boolean {
    const { by, node, address, refusal } = refused
    const { code, facts } = refusal
    const name = JSON.stringify([by, node ?? address, code, Object.entries(facts).sort()])
    const count = (this.#noted.get(name)?.view.count ?? 0) + 1
    const at = new Date(this.#clock.wall()).toISOString()
    this.#noted.delete(name)
    const view = { at, by, node, address, code, facts, count, next: adviceOn(code) }
    this.#noted.set(name, { view, at: this.#clock.monotonic() })
    if (this.#noted.size > refusalsMax) this.#forgetOldest()
    return Number.isInteger(Math.log2(count))
  }

  latest(): readonly RefusalView[] {
    return [...this.#noted.values()].map(({ view }) => view).reverse()
  }

  /** The latest refusal by another node, unless it is so old that it is over. */
  turnedAway(): RefusalView | undefined {
    const now = this.#clock.monotonic()
    return [...this.#noted.values()].findLast(
      ({ view, at }) => view.by === 'them' && after(at, lasting) >= now,
    )?.view
  }

  #forgetOldest(): void {
    for (const [oldest] of this.#noted) {
      this.#noted.delete(oldest)
      return
    }
  }
}
