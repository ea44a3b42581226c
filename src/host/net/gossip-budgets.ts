/**
 * What each neighbour may send by gossip, taken out of what came before anything is spent on it: a message above
 * the rate is not hashed, not opened and not marked as seen, so it may still come by another way.
 */
import type { NodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { type Rate, RateBudget } from '../../base/rate-budget.ts'
import { between, type Clock, type Instant, seconds } from '../../base/time.ts'
import type { Rpc } from './gossipsub-inside.ts'
import type { NetLimits } from './options.ts'

/** An honest neighbour sends one heap of names a second and control beside it; five times as much at once. */
const controlRate: Rate = { messagesPerSecond: 40, bytesPerSecond: 5_000 }
/**
 * What a message costs its author who brings it above the author's own rate: it had to be opened to see whose it
 * is. So out of ten that such a neighbour may send one is opened, and the others go unread.
 */
const excessCost = 10
/**
 * Messages thrown away in a second above which throwing away is a burden by itself, about a twentieth of a
 * processor, and for how long. No member sends so many: the authors of a network keep to their rates, and what
 * gathered during a pause is drained in a second or two.
 */
const floodMessagesMin = 5_000
const floodWindow = seconds(1)
const floodLengthMin = 5

interface Book {
  readonly messages: RateBudget
  readonly control: RateBudget
  /** When the second began in which `dropped` messages were thrown away, and seconds of flood before it, without rest. */
  secondAt: Instant
  dropped: number
  floodLength: number
}

export class GossipBudgets {
  readonly #ports: { readonly clock: Clock; readonly log: Logger }
  readonly #rate: Rate
  readonly #books = new Map<NodeId, Book>()
  readonly #flooded: (node: NodeId) => void
  #overRate = 0

  /** `flooded` is told of a neighbour that sends so much that it must be closed to be rid of it. */
  constructor(
    ports: {
      readonly clock: Clock
      readonly log: Logger
      readonly flooded: (node: NodeId) => void
    },
    options: Pick<NetLimits, 'gossipPerSecond' | 'gossipBytesPerSecond'>,
  ) {
    this.#ports = ports
    this.#flooded = ports.flooded
    this.#rate = {
      messagesPerSecond: options.gossipPerSecond,
      bytesPerSecond: options.gossipBytesPerSecond,
    }
  }

  /** Messages and control parts that were above their neighbour's rate, since the start. */
  get overRate(): number {
    return this.#overRate
  }

  /** Takes out of `rpc` what `from` may not send now; `false` if nothing is left. */
  take(from: NodeId, rpc: Rpc): boolean {
    const book = this.#bookOf(from)
    const isTaken = (budget: RateBudget, bytes: number): boolean => {
      const isPaid = budget.spend(bytes)
      if (!isPaid) this.#drop(from, book)
      return isPaid
    }
    rpc.messages = rpc.messages.filter(({ data }) => isTaken(book.messages, data?.length ?? 0))
    if (rpc.control === undefined && rpc.subscriptions.length === 0) return rpc.messages.length > 0
    if (isTaken(book.control, itemsOf(rpc))) return true
    delete rpc.control
    return rpc.messages.length > 0 && rpc.subscriptions.length === 0
  }

  /** News of a member is on its author's account; a neighbour pays for the rest that it brings. */
  refund(from: NodeId, bytes: number): void {
    this.#bookOf(from).messages.refund(bytes)
  }

  /** `from` brought a message of its own that was above its rate as an author. */
  exceeded(from: NodeId): void {
    this.#bookOf(from).messages.fine(excessCost - 1)
  }

  forget(node: NodeId): void {
    this.#books.delete(node)
  }

  #drop(from: NodeId, book: Book): void {
    if (this.#overRate++ % 1000 === 0) {
      this.#ports.log.warn('a neighbour gossips above its rate', { node: from })
    }
    const now = this.#ports.clock.monotonic()
    const elapsed = between(book.secondAt, now)
    if (elapsed >= floodWindow) {
      const goesOn = book.dropped >= floodMessagesMin && elapsed < 2 * floodWindow
      book.floodLength = goesOn ? book.floodLength + 1 : 0
      book.secondAt = now
      book.dropped = 0
    }
    book.dropped++
    const isFlood = book.dropped === floodMessagesMin && book.floodLength + 1 >= floodLengthMin
    if (!isFlood) return
    book.floodLength = 0
    this.#flooded(from)
  }

  #bookOf(node: NodeId): Book {
    const known = this.#books.get(node)
    if (known !== undefined) return known
    const { clock } = this.#ports
    const book: Book = {
      messages: new RateBudget(this.#rate, clock),
      control: new RateBudget(controlRate, clock),
      ...{ secondAt: clock.monotonic(), dropped: 0, floodLength: 0 },
    }
    this.#books.set(node, book)
    return book
  }
}

/** How many ids, topics and entries the control part holds, and topics subscribed to. */
function itemsOf({ control, subscriptions }: Rpc): number {
  let items = subscriptions.length
  for (const entries of Object.values(control ?? {})) {
    for (const entry of entries ?? []) {
      const ids: unknown = Reflect.get(Object(entry), 'messageIDs')
      items += 1 + (Array.isArray(ids) ? ids.length : 0)
    }
  }
  return items
}
