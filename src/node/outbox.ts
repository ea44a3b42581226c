/** Effects of the machines that go out by gossip: sealed under the key in force, then published. */
import type { GossipTopic, Net } from '../host/net/port.ts'
import type { Traffic } from './traffic.ts'

export class Outbox {
  readonly #traffic: Traffic
  readonly #net: () => Net

  constructor(ports: { readonly traffic: Traffic; readonly net: () => Net }) {
    this.#traffic = ports.traffic
    this.#net = ports.net
  }

  /** A batch waits for a usable key; `published` is called once it was handed over or could not be. */
  publishBatch(sequence: number, payload: Uint8Array, published: () => void): void {
    const sealed = this.#traffic.sealEnvelope('delta', sequence, payload)
    if (sealed === undefined) {
      this.#traffic.whenKeyed(() => this.publishBatch(sequence, payload, published))
      return
    }
    this.#publish('delta', sealed, published)
  }

  /** A beat without a usable key is dropped: the next one is newer. */
  publishBeat(sequence: number, payload: Uint8Array): void {
    const sealed = this.#traffic.sealEnvelope('heartbeat', sequence, payload)
    if (sealed !== undefined) this.#publish('heartbeat', sealed, () => undefined)
  }

  #publish(topic: GossipTopic, sealed: Uint8Array, done: () => void): void {
    // What gossip loses, acknowledgements and sync make good; the net reports and counts its own failures.
    this.#net().publish(topic, sealed).then(done, done)
  }
}
