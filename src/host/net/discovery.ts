/**
 * Finds other members: asks the routing tables of connected ones who lives near this node, again whenever a
 * member is new and now and then besides, and hands what it learns to the dial loop.
 */

import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { below, type Random } from '../../base/random.ts'
import {
  after,
  between,
  type Clock,
  type Duration,
  type Instant,
  milliseconds,
  seconds,
} from '../../base/time.ts'
import type { Timers } from '../port.ts'

export interface DiscoveryDeps {
  readonly self: PeerId
  /** Between two queries while there is anybody new to find. */
  readonly interval: Duration
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
  /** A node and where it may be dialled; answers whether that was news. */
  found(node: NodeId, addresses: readonly string[]): boolean
}

/** A new member's routing table knows the way to others once it has met them. */
const settleWait = milliseconds(400)
const queryTime = seconds(10)
/** Queries in a row that found nobody new, after which each rest is twice the last. */
const fruitlessMax = 2
/** The longest rest, in intervals: who lost sight of a part of the network finds it again within this. */
const restMax = 8
/** Least rest after a query, as a multiple of what it took: where machines are busy, all ask less. */
const restPerQuery = 4

/** Periodic queries. */
export class Discovery {
  readonly #deps: DiscoveryDeps
  readonly #stopping = new AbortController()
  #dht: Pick<KadDHT, 'getClosestPeers'> | undefined
  #cancel: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()
  #isQuerying = false
  /** Somebody new came while a query ran. */
  #isAskedFor = false
  #fruitless = 0
  #isElsewhere = false
  #restUntil = 0 as Instant

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps
  }

  start(dht: Pick<KadDHT, 'getClosestPeers'>): void {
    this.#dht = dht
    this.#later(this.#deps.interval)
  }

  /** A member is new: it may know others. */
  soon(): void {
    if (this.#dht === undefined) return
    this.#fruitless = 0
    this.#isAskedFor = true
    if (this.#isQuerying) return
    const rest = between(this.#deps.clock.monotonic(), this.#restUntil)
    this.#later(milliseconds(Math.max(settleWait, rest)))
  }

  /** Resolves when no query runs. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#cancel?.()
    this.#dht = undefined
    await this.#running
  }

  #later(span: Duration): void {
    if (this.#stopping.signal.aborted) return
    this.#cancel?.()
    const jitter = below(this.#deps.random, Math.max(1, Math.floor(span / 4)))
    this.#cancel = this.#deps.timers.after(milliseconds(span + jitter), () => {
      this.#running = this.#look()
    })
  }

  /** One query, then a rest: each costs every neighbour that is asked, so it is long where nothing is found or all are busy. */
  async #look(): Promise<void> {
    const { clock, interval } = this.#deps
    const begunAt = clock.monotonic()
    this.#isQuerying = true
    this.#isAskedFor = false
    const isFruitful = await this.#query()
    this.#isQuerying = false
    this.#fruitless = isFruitful ? 0 : this.#fruitless + 1
    const took = between(begunAt, clock.monotonic())
    this.#restUntil = after(clock.monotonic(), milliseconds(took * restPerQuery))
    if (this.#isAskedFor) return this.soon()
    const doublings = Math.max(0, this.#fruitless - fruitlessMax)
    const rest = interval * Math.min(2 ** doublings, restMax)
    this.#later(milliseconds(Math.max(rest, took * restPerQuery)))
  }

  /** Answers whether somebody new was found. */
  async #query(): Promise<boolean> {
    const { self, random, log, found } = this.#deps
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(queryTime)])
    let isFruitful = false
    try {
      // Tables answer with the twenty nearest: two far from each other meet by looking elsewhere (Maymounkov, Mazières 2002, section 2.3).
      const key = this.#isElsewhere ? random.bytes(32) : self.toMultihash().bytes
      this.#isElsewhere = !this.#isElsewhere
      for await (const event of this.#dht?.getClosestPeers(key, { signal }) ?? []) {
        if (event.name !== 'PEER_RESPONSE') continue
        for (const { id, multiaddrs } of event.closer) {
          const node = memberId(id)
          if (node === undefined || id.equals(self)) continue
          const addresses = multiaddrs.map(address => address.toString())
          if (found(node, addresses)) isFruitful = true
        }
      }
    } catch (error) {
      // A query ends early when a member goes or time is up; the next one follows.
      log.debug('discovery query ended early', { error: String(error) })
    }
    return isFruitful
  }
}

/** The node of a peer id, if it can be one: others' peer ids are not of this network. */
function memberId(peer: PeerId): NodeId | undefined {
  try {
    return nodeId(peer.toString())
  } catch {
    // A PeerFault says that it is no Ed25519 peer id; whoever told us may not have been a node.
    return undefined
  }
}
