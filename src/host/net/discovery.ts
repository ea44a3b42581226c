/**
 * Finds other members: asks the routing tables of connected ones who lives near this node, again whenever a
 * member is new and at a steady pace, and hands what it learns to the dial loop.
 */

import type { PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { below, type Random } from '../../base/random.ts'
import { type Duration, milliseconds, seconds } from '../../base/time.ts'
import type { Timers } from '../port.ts'

export interface DiscoveryDeps {
  readonly self: PeerId
  readonly interval: Duration
  readonly timers: Timers
  readonly random: Random
  readonly log: Logger
  /** A node and where it may be dialled. */
  found(node: NodeId, addresses: readonly string[]): void
}

/** A new member's routing table knows the way to others once it has met them. */
const settleWait = milliseconds(400)
const queryTime = seconds(10)

/** Periodic queries. */
export class Discovery {
  readonly #deps: DiscoveryDeps
  readonly #stopping = new AbortController()
  #dht: KadDHT | undefined
  #cancel: (() => void) | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps
  }

  start(dht: KadDHT): void {
    this.#dht = dht
    this.#later(this.#deps.interval)
  }

  /** A member is new: it may know others. */
  soon(): void {
    if (this.#dht !== undefined) this.#later(settleWait)
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
      this.#running = this.#query()
    })
  }

  async #query(): Promise<void> {
    const { self, log, found, interval } = this.#deps
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(queryTime)])
    try {
      const key = self.toMultihash().bytes
      for await (const event of this.#dht?.getClosestPeers(key, { signal }) ?? []) {
        if (event.name !== 'PEER_RESPONSE') continue
        for (const { id, multiaddrs } of event.closer) {
          const node = memberId(id)
          if (node === undefined || id.equals(self)) continue
          found(
            node,
            multiaddrs.map(address => address.toString()),
          )
        }
      }
    } catch (error) {
      // A query ends early when a member goes or time is up; the next one follows.
      log.debug('discovery query ended early', { error: String(error) })
    }
    this.#later(interval)
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
