/**
 * How much gossip one author may cause, by whichever neighbours it comes. A message is charged to its
 * author once its signature holds; until then, and if it is no news, to the neighbour that brought it.
 */

import type { NodeId } from '../base/ids.ts'
import { type Rate, RateBudget } from '../base/rate-budget.ts'
import type { Clock } from '../base/time.ts'
import type { GossipTopic } from '../host/net/port.ts'
import type { PerPreset } from './presets.ts'

const mib = (count: number): number => count * 1024 * 1024

/**
 * The published figures are those of `wan`; nearer networks carry more. Each topic has its own. A message costs every
 * member about half a millisecond, most of it the signature, so an author of `lan` may take a twentieth of everybody's
 * processor; who has more to say says it in larger batches, of up to 128 KiB, which wait 12 ms for their turn.
 */
export const authorRates: PerPreset<Rate> = {
  local: { messagesPerSecond: 20_000, bytesPerSecond: mib(128) },
  lan: { messagesPerSecond: 100, bytesPerSecond: mib(16) },
  wan: { messagesPerSecond: 20, bytesPerSecond: mib(1) },
}

/** What an author allows itself: a little less, because what left evenly may arrive in one heap. */
export function ownRate({ messagesPerSecond, bytesPerSecond }: Rate): Rate {
  return { messagesPerSecond: 0.8 * messagesPerSecond, bytesPerSecond: 0.8 * bytesPerSecond }
}

/** The budgets of all authors heard. Members alone get one, and lose it with their membership. */
export class AuthorBudgets {
  readonly #rate: Rate
  readonly #clock: Clock
  readonly #budgets = new Map<NodeId, Map<GossipTopic, RateBudget>>()
  #exceeded = 0

  constructor(ports: { readonly clock: Clock }, options: { readonly rate: Rate }) {
    this.#clock = ports.clock
    this.#rate = options.rate
  }

  /** Messages that were above their author's rate, since the start. */
  get exceeded(): number {
    return this.#exceeded
  }

  /** Whether this author may send so much now. Free of trace: nothing is proven yet. */
  allows(author: NodeId, topic: GossipTopic, bytes: number): boolean {
    const isAllowed = this.#budgets.get(author)?.get(topic)?.allows(bytes) !== false
    if (!isAllowed) this.#exceeded++
    return isAllowed
  }

  /** Charges a message whose signature holds. */
  charge(author: NodeId, topic: GossipTopic, bytes: number): void {
    const ofAuthor = this.#budgets.get(author) ?? new Map<GossipTopic, RateBudget>()
    this.#budgets.set(author, ofAuthor)
    const budget = ofAuthor.get(topic) ?? new RateBudget(this.#rate, this.#clock)
    ofAuthor.set(topic, budget)
    budget.spend(bytes)
  }

  forget(author: NodeId): void {
    this.#budgets.delete(author)
  }
}
