/**
 * A node that was broken into: its net, its sealers and its gossip service are in the hands of an attacker, who
 * needs to know no key to use them.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { CoterieError } from '../../src/base/errors.ts'
import type { Random } from '../../src/base/random.ts'
import type { GossipTopic, Net, NetHandlers } from '../../src/host/net/port.ts'
import type { Host } from '../../src/host/port.ts'
import { Sealer } from '../../src/wire/envelope.ts'

/** What of gossipsub an attacker uses: it writes any RPC to any neighbour. */
interface GossipService {
  readonly streamsOutbound: ReadonlyMap<string, unknown>
  sendRpc(peer: string, rpc: object): boolean
  getTopics(): string[]
}

/** One of an attack's many turns. */
export type Attack = (captive: Captive) => Promise<void> | void

/** Milliseconds between two turns: an attacker that takes a whole processor proves nothing but that. */
const turnPause = 10
const recordedMax = 2_000

export class Captive {
  /** Gossip that came in, as it came. */
  readonly recorded: { readonly topic: GossipTopic; readonly data: Uint8Array }[] = []
  /** Payloads that the node sealed by itself: well formed, and the attacker's to change. */
  readonly sealed: Uint8Array[] = []
  readonly #sealers = new Map<string, Sealer>()
  #isHeard = false
  #sequence = 2 ** 31
  #gossip: GossipService | undefined
  #net: Net | undefined
  #random: Random | undefined

  get random(): Random {
    if (this.#random === undefined) throw new Error('the host was opened')
    return this.#random
  }

  get net(): Net {
    if (this.#net === undefined) throw new Error('the net was opened')
    return this.#net
  }

  /** The host with the attacker between it and the node. */
  hold(host: Host): Host {
    this.#random = host.random
    this.#watchSealers()
    this.#watchGossip()
    return {
      ...host,
      openNet: async options => {
        this.#net = await host.openNet({ ...options, handlers: this.#tapped(options.handlers) })
        return this.#net
      },
    }
  }

  /**
   * Takes turns until `signal` aborts, from the first batch on that the node sealed by itself and another member
   * acknowledged: before, it is nobody's equal, and would be thrown out for its bad manners before it could show
   * others. What an honest node would stop at, a refusal or a cut, changes nothing.
   */
  async repeat(attack: Attack, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#isHeard && this.sealed.length > 0) await attack(this)
      } catch (error) {
        if (!(error instanceof CoterieError)) throw error
      }
      await wait(turnPause)
    }
  }

  /** Signed by this member and sealed under the key in use; `undefined` before it has sealed by itself. */
  seal(topic: GossipTopic, payload: Uint8Array): Uint8Array | undefined {
    return this.#sealers.get(topic)?.seal(++this.#sequence, payload)
  }

  /** Hands `rpc` to every neighbour, as one message of gossipsub. */
  tellGossip(rpcFor: (topics: string[]) => object): void {
    const service = this.#gossip
    if (service === undefined) return
    for (const peer of service.streamsOutbound.keys()) {
      service.sendRpc(peer, rpcFor(service.getTopics()))
    }
  }

  topicNames(): string[] {
    return this.#gossip?.getTopics() ?? []
  }

  #watchSealers(): void {
    const { seal } = Sealer.prototype
    const { sealed } = this
    const sealers = this.#sealers
    Sealer.prototype.seal = function (this: Sealer, sequence: number, payload: Uint8Array) {
      sealers.set(this.topic, this)
      if (this.topic === 'delta' && sequence < 2 ** 31) {
        sealed.push(payload.slice())
        if (sealed.length > 64) sealed.shift()
      }
      return seal.call(this, sequence, payload)
    }
  }

  /** The service is found where the node listens to it: nothing of the node hands it out. */
  #watchGossip(): void {
    const listen = EventTarget.prototype.addEventListener
    const found = (target: EventTarget): void => {
      if ('sendRpc' in target) this.#gossip = target as unknown as GossipService
    }
    EventTarget.prototype.addEventListener = function (this: EventTarget, ...given) {
      if (given[0] === 'gossipsub:message') found(this)
      listen.apply(this, given)
    }
  }

  #tapped(handlers: NetHandlers): NetHandlers {
    const gossip: NetHandlers['gossip'] = (topic, data, from) => {
      this.recorded.push({ topic, data: data.slice() })
      if (this.recorded.length > recordedMax) this.recorded.shift()
      return handlers.gossip(topic, data, from)
    }
    const told: NetHandlers['told'] = (protocol, frame, from) => {
      if (protocol === 'ack') this.#isHeard = true
      return handlers.told(protocol, frame, from)
    }
    const taps: Partial<NetHandlers> = { gossip, told }
    return new Proxy(handlers, {
      get: (target, name) => Reflect.get(Object.hasOwn(taps, name) ? taps : target, name),
    })
  }
}
