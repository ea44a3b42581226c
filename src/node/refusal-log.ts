import { originOf } from '../base/origin.ts'
import { after, type Clock, type Instant, seconds } from '../base/time.ts'
import type { RefusedConnection } from '../host/net/port.ts'
import type { RefusalView } from './handle.ts'
import { adviceOn } from './refusal-advice.ts'

const refusalsMax = 100
/** Lines for one code and origin; identities cost nothing, so further ones share a line. */
const linesPerOrigin = 4
/** A refusal that lasts is repeated at each redial, and a redial comes at least every 30 s. */
const lasting = seconds(60)

interface Noted {
  readonly view: RefusalView
  readonly at: Instant
  /** Side, code and origin: what a stranger cannot make up at will. */
  readonly group: string
}

/**
 * The latest handshakes that did not end in a connection, newest first. A node that is refused for one reason
 * again and again has one line, and so have all made-up identities of one address: they push nobody else's out.
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
    const origin = originOf(address)
    const group = JSON.stringify([by, code, origin || address])
    const own = JSON.stringify([by, node ?? address, code, Object.entries(facts).sort()])
    const isShared = !this.#noted.has(own) && this.#linesOf(group) >= linesPerOrigin
    const name = isShared ? group : own
    const count = (this.#noted.get(name)?.view.count ?? 0) + 1
    const at = new Date(this.#clock.wall()).toISOString()
    this.#noted.delete(name)
    const line = isShared
      ? { node: null, address: origin || address, facts: {} }
      : { node, address, facts }
    const view = { at, by, code, ...line, count, next: adviceOn(code) }
    this.#noted.set(name, { view, at: this.#clock.monotonic(), group })
    if (this.#noted.size > refusalsMax) this.#forgetOne()
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

  #linesOf(group: string): number {
    let lines = 0
    for (const noted of this.#noted.values()) if (noted.group === group) lines++
    return lines
  }

  /** The oldest goes; what others said to this node goes last, because it explains why nothing works. */
  #forgetOne(): void {
    const all = [...this.#noted]
    const [oldest] = all.find(([, { view }]) => view.by !== 'them') ?? all[0] ?? []
    if (oldest !== undefined) this.#noted.delete(oldest)
  }
}
