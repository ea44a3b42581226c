/** Gossip between nets in memory: every message to every neighbour with an open gate, once. */
import { createHash } from 'node:crypto'
import { UsageError } from '../../src/base/errors.ts'
import type { NodeId } from '../../src/base/ids.ts'
import { RateBudget } from '../../src/base/rate-budget.ts'
import type { NetLimits } from '../../src/host/net/options.ts'
import type { GossipTopic } from '../../src/host/net/port.ts'
import type { FakeNet } from './net.ts'

/** What it asks of the net around it. */
export interface FakeGossipOptions {
  readonly limits: NetLimits
  /** Whether this neighbour is a member whose verdict holds. */
  readonly isMember: (node: NodeId) => boolean
  /** The gossip of another net. */
  readonly of: (net: FakeNet) => FakeGossip
}

/** Messages whose repeats are known: minutes of a busy network, as gossipsub's cache of seen messages. */
const seenMax = 16_384

export class FakeGossip {
  readonly #net: FakeNet
  readonly #options: FakeGossipOptions
  readonly #seen = new Set<string>()
  readonly #budgets = new Map<NodeId, RateBudget>()

  constructor(net: FakeNet, options: FakeGossipOptions) {
    this.#net = net
    this.#options = options
  }

  /** Answers to how many it went. @throws {UsageError} `DUPLICATE_MESSAGE`. */
  publish(topic: GossipTopic, data: Uint8Array): number {
    if (!this.#isNew(data)) throw new UsageError('DUPLICATE_MESSAGE', 'published before')
    return this.#spread(topic, data, undefined)
  }

  /** The neighbour is gone. */
  forget(node: NodeId): void {
    this.#budgets.delete(node)
  }

  #isNew(data: Uint8Array): boolean {
    const name = createHash('sha256').update(data).digest('base64')
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    const [oldest] = this.#seen
    if (this.#seen.size > seenMax && oldest !== undefined) this.#seen.delete(oldest)
    return true
  }

  #spread(topic: GossipTopic, data: Uint8Array, except: NodeId | undefined): number {
    const { links, node } = this.#net
    let recipients = 0
    const bytes = data.slice()
    for (const end of links.values()) {
      if (end.node === except || !end.isOpen || !end.isOpenThere) continue
      recipients++
      end.send(0, remote => this.#options.of(remote).#hear(topic, bytes, node)).catch(() => {})
    }
    return recipients
  }

  #hear(topic: GossipTopic, data: Uint8Array, from: NodeId): void {
    if (!this.#options.isMember(from) || !this.#isNew(data)) return
    const { clock, handlers } = this.#net
    const { gossipPerSecond, gossipBytesPerSecond } = this.#options.limits
    const rate = { messagesPerSecond: gossipPerSecond, bytesPerSecond: gossipBytesPerSecond }
    const budget = this.#budgets.get(from) ?? new RateBudget(rate, clock)
    this.#budgets.set(from, budget)
    if (!budget.spend(data.length)) return
    if (handlers.gossip(topic, data.slice(), from).kind === 'accept') {
      budget.refund(data.length)
      this.#spread(topic, data, from)
    }
  }
}
