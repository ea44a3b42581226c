/**
 * The two ways out and in under the traffic key: envelopes on gossip topics, frames on member streams.
 * Sealing keys follow the key in force; what cannot be sealed yet waits, bounded, in order.
 */
import type { Digest, NetworkId, NodeId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Clock } from '../base/time.ts'
import type { SigningKey } from '../crypto/sign.ts'
import type { MembershipQueries } from '../protocol/membership/types.ts'
import { FrameSealer, type KeyLookup, Opener, Sealer, type Unsealed } from '../wire/envelope.ts'
import type { Topic } from '../wire/topics.ts'
import type { FrameSeal, SealedProtocol } from './frame-seal.ts'

const sealedProtocols: readonly SealedProtocol[] = ['sync', 'ack']
/** Frames kept while no key is usable, which is well under a second at a rotation; the oldest go first. */
const waitingFramesMax = 256

export interface TrafficPorts {
  readonly network: NetworkId
  readonly signing: SigningKey
  readonly random: Random
  readonly clock: Clock
  readonly keys: Pick<MembershipQueries, 'sealingKey' | 'openingKey'>
  /** Asks `from` for a key that is not held here. */
  readonly unknownKey: (id: Digest, from: NodeId) => void
}

export class Traffic implements FrameSeal {
  readonly #ports: TrafficPorts
  readonly #opener: Opener
  /** One sealer per scope, of the key in force; an older key's is disposed when it is replaced. */
  readonly #envelopes = new Map<Topic, Sealer>()
  readonly #frames = new Map<SealedProtocol, FrameSealer>()
  #waitingFrames: (() => void)[] = []
  #waiting: (() => void)[] = []

  constructor(ports: TrafficPorts) {
    this.#ports = ports
    this.#opener = new Opener({ network: ports.network, protocols: sealedProtocols })
  }

  /** An envelope of this node, or `undefined` while no key is usable. */
  sealEnvelope(topic: Topic, sequence: number, payload: Uint8Array): Uint8Array | undefined {
    const held = this.#ports.keys.sealingKey('traffic', this.#ports.clock.monotonic())
    if (held === undefined) return undefined
    let sealer = this.#envelopes.get(topic)
    if (sealer?.keyId !== held.id) {
      sealer?.[Symbol.dispose]()
      const { network, signing: author, random } = this.#ports
      sealer = new Sealer({ network, topic, author, random, keyId: held.id, epochKey: held.key })
      this.#envelopes.set(topic, sealer)
    }
    return sealer.seal(sequence, payload)
  }

  /** Opens an envelope under any key held; its signature is still to be checked. */
  unseal(topic: Topic, data: Uint8Array): Unsealed {
    return this.#opener.unseal(topic, data, this.#lookup)
  }

  seal(protocol: SealedProtocol, payload: Uint8Array): Uint8Array | undefined {
    const held = this.#ports.keys.sealingKey('traffic', this.#ports.clock.monotonic())
    if (held === undefined) return undefined
    let sealer = this.#frames.get(protocol)
    if (sealer?.keyId !== held.id) {
      sealer?.[Symbol.dispose]()
      const { network, random } = this.#ports
      sealer = new FrameSealer({ network, protocol, random, keyId: held.id, epochKey: held.key })
      this.#frames.set(protocol, sealer)
    }
    return sealer.seal(payload)
  }

  whenSealable(
    protocol: SealedProtocol,
    payload: Uint8Array,
    use: (sealed: Uint8Array) => void,
  ): void {
    const sealed = this.seal(protocol, payload)
    if (sealed !== undefined) return use(sealed)
    this.#waitingFrames.push(() => this.whenSealable(protocol, payload, use))
    if (this.#waitingFrames.length > waitingFramesMax) this.#waitingFrames.shift()
  }

  /** Runs `action` at the next change of keys. The caller bounds how many wait. */
  whenKeyed(action: () => void): void {
    this.#waiting.push(action)
  }

  open(protocol: SealedProtocol, frame: Uint8Array, from: NodeId): Uint8Array | undefined {
    const opened = this.#opener.openFrame(protocol, frame, this.#lookup)
    if (opened.kind === 'opened') return opened.payload
    if (opened.kind === 'unknown-key') this.#ports.unknownKey(opened.keyId, from)
    return undefined
  }

  /** Keys were added or dropped: what waited is tried again, what was derived from dropped keys goes. */
  keysChanged(dropped: readonly Digest[]): void {
    for (const id of dropped) this.#opener.forget(id)
    const waiting = [...this.#waiting, ...this.#waitingFrames]
    this.#waiting = []
    this.#waitingFrames = []
    for (const action of waiting) action()
  }

  stop(): void {
    for (const sealer of this.#envelopes.values()) sealer[Symbol.dispose]()
    for (const sealer of this.#frames.values()) sealer[Symbol.dispose]()
    this.#envelopes.clear()
    this.#frames.clear()
    this.#waiting = []
    this.#waitingFrames = []
    this.#opener[Symbol.dispose]()
  }

  readonly #lookup: KeyLookup = id =>
    this.#ports.keys.openingKey(id, this.#ports.clock.monotonic())?.key
}
