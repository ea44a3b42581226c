/**
 * Effects of the machines that go out by gossip: sealed under the key in force, then published, no faster
 * than others take from one author. A batch that has to wait lets the replica gather the next.
 */
import { type Rate, RateBudget } from '../base/rate-budget.ts'
import { milliseconds } from '../base/time.ts'
import type { GossipTopic, Net } from '../host/net/port.ts'
import type { Host, Timers } from '../host/port.ts'
import type { Traffic } from './traffic.ts'

/**
 * A message costs what a thousand deltas cost (signature, seal, system calls, at every receiver again), so in
 * a flood the next batch waits this long. Nobody waits who writes one thing after the other.
 */
const rest = milliseconds(4)
/** A batch that says that a flood is on: some fifty small writes in one turn. */
const floodBytesMin = 4 * 1024
/** A batch that cannot become much larger by waiting; see `limits.batchBytesMax`. */
const fullBytesMin = 96 * 1024

export class Outbox {
  readonly #traffic: Traffic
  readonly #net: () => Net
  readonly #timers: Timers
  readonly #budget: RateBudget
  #cancelWaiting: () => void = () => undefined

  constructor(
    ports: {
      readonly traffic: Traffic
      readonly net: () => Net
      readonly host: Pick<Host, 'clock' | 'timers'>
    },
    options: {
      /** What this node allows itself. */
      readonly rate: Rate
    },
  ) {
    this.#traffic = ports.traffic
    this.#net = ports.net
    this.#timers = ports.host.timers
    this.#budget = new RateBudget(options.rate, ports.host.clock)
  }

  stop(): void {
    this.#cancelWaiting()
  }

  /** A batch waits for a usable key; `published` is called once it was handed over or could not be. */
  publishBatch(sequence: number, payload: Uint8Array, published: () => void): void {
    const sealed = this.#traffic.sealEnvelope('delta', sequence, payload)
    if (sealed === undefined) {
      this.#traffic.whenKeyed(() => this.publishBatch(sequence, payload, published))
      return
    }
    this.#whenAffordable(sealed, published)
  }

  /** A beat without a usable key is dropped: the next one is newer. */
  publishBeat(sequence: number, payload: Uint8Array): void {
    const sealed = this.#traffic.sealEnvelope('heartbeat', sequence, payload)
    if (sealed !== undefined) this.#publish('heartbeat', sealed, () => undefined)
  }

  #whenAffordable(sealed: Uint8Array, published: () => void): void {
    if (this.#budget.spend(sealed.length)) {
      return this.#publish('delta', sealed, () => this.#afterRest(sealed.length, published))
    }
    // The replica hands over one batch at a time, so one timer is enough.
    this.#cancelWaiting = this.#timers.after(this.#budget.wait(sealed.length), () =>
      this.#whenAffordable(sealed, published),
    )
  }

  /** Lets a flood gather. A small batch or a full one is followed at once. */
  #afterRest(bytes: number, published: () => void): void {
    if (bytes < floodBytesMin || bytes >= fullBytesMin) return published()
    this.#cancelWaiting = this.#timers.after(rest, published)
  }

  #publish(topic: GossipTopic, sealed: Uint8Array, done: () => void): void {
    // What gossip loses, acknowledgements and sync make good; the net reports and counts its own failures.
    this.#net().publish(topic, sealed).then(done, done)
  }
}
