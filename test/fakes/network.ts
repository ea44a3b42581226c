/** The links of a simulation as a whole: which are cut, which hold what is sent, how long each takes. */
import type { NodeId } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { type Clock, type Duration, milliseconds } from '../../src/base/time.ts'
import type { Timers } from '../../src/host/port.ts'
import { FakeNet, type FakeNetOptions } from './net.ts'

/** What the whole fake network runs on. */
export interface FakeNetworkOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** One-way delay of a message; 1 ms unless said. */
  readonly latency?: (from: NodeId, to: NodeId) => Duration
}

/** All nets of one simulation and the links between them. */
export class FakeNetwork {
  readonly options: FakeNetworkOptions
  readonly nets = new Map<string, FakeNet>()
  readonly #cut = new Set<string>()
  readonly #stalled = new Set<string>()
  readonly #refused = new Set<string>()

  constructor(options: FakeNetworkOptions) {
    this.options = options
  }

  open(options: FakeNetOptions): FakeNet {
    return new FakeNet(this, options)
  }

  /** Cuts every link between two groups, both ways; open connections break, dials fail. */
  partition(left: readonly NodeId[], right: readonly NodeId[]): void {
    for (const a of left) {
      for (const b of right) {
        this.#cut.add(pairOf(a, b))
        for (const net of this.nets.values()) if (net.node === a) net.links.get(b)?.link.break()
      }
    }
  }

  /** Breaks the link between two nodes, and from now on answers their dials to each other with a refusal. */
  refuse(a: NodeId, b: NodeId): void {
    this.#refused.add(pairOf(a, b))
    for (const net of this.nets.values()) if (net.node === a) net.links.get(b)?.link.break()
  }

  /** Ends all partitions and stalls; what was held flows. */
  heal(): void {
    this.#cut.clear()
    this.#stalled.clear()
    this.#refused.clear()
    for (const net of this.nets.values()) for (const end of net.links.values()) end.link.flush()
  }

  /** From now on nothing that `from` sends arrives at `to`; it is held, as an unacknowledged stream is. */
  stall(from: NodeId, to: NodeId): void {
    this.#stalled.add(`${from}>${to}`)
  }

  isCut(a: NodeId, b: NodeId): boolean {
    return this.#cut.has(pairOf(a, b))
  }

  isRefused(a: NodeId, b: NodeId): boolean {
    return this.#refused.has(pairOf(a, b))
  }

  isStalled(from: NodeId, to: NodeId): boolean {
    return this.#stalled.has(`${from}>${to}`)
  }

  latency(from: NodeId, to: NodeId): Duration {
    return this.options.latency?.(from, to) ?? milliseconds(1)
  }
}

function pairOf(a: NodeId, b: NodeId): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`
}
