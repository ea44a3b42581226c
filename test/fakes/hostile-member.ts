/**
 * A broken member: a valid machine runs it, its keys are out, and it says whatever an attacker likes.
 *
 * It is a real node whose chance is watched (so its keys are known) and whose net is in the test's hands.
 */
import { HostError } from '../../src/base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../../src/base/ids.ts'
import type { Random } from '../../src/base/random.ts'
import { Secret } from '../../src/base/secret.ts'
import { SigningKey } from '../../src/crypto/sign.ts'
import type {
  AskProtocol,
  GossipTopic,
  Net,
  NetHandlers,
  TellProtocol,
} from '../../src/host/net/port.ts'
import type { Host } from '../../src/host/port.ts'
import { FrameSealer, Opener, Sealer } from '../../src/wire/envelope.ts'
import { epochKeyId } from '../../src/wire/epoch-key.ts'
import { beatDigest } from '../../src/wire/heartbeat.ts'
import type { SimulatedNode, Simulation } from './simulation.ts'

/** Answers in place of the node; `undefined` leaves the answer to it. */
export type Lie = (
  protocol: AskProtocol,
  request: Uint8Array,
  from: NodeId,
) => Promise<Uint8Array> | undefined

export class HostileMember {
  readonly simulation: Simulation
  readonly self: SimulatedNode
  readonly signing: SigningKey
  readonly random: Random
  /** Gossip that came in, as it came: to be played back. */
  readonly recorded: { readonly topic: GossipTopic; readonly data: Uint8Array }[]
  readonly #tap: Tap

  private constructor(simulation: Simulation, self: SimulatedNode, tap: Tap) {
    if (tap.signing === undefined || tap.random === undefined) throw new Error('its net was opened')
    this.simulation = simulation
    this.self = self
    this.signing = tap.signing
    this.random = tap.random
    this.recorded = tap.recorded
    this.#tap = tap
  }

  /** Founds the network: so the first traffic key is one that it drew itself. */
  static async found(simulation: Simulation): Promise<HostileMember> {
    const tap = new Tap()
    const self = await simulation.start('hostile', { found: true, host: host => tap.on(host) })
    const hostile = new HostileMember(simulation, self, tap)
    await simulation.until(() => self.node.status().phase === 'active')
    return hostile
  }

  get id(): NodeId {
    return nodeIdOfKey(this.signing.publicKey)
  }

  set lie(lie: Lie) {
    this.#tap.lie = lie
  }

  /** What its own node does not ask any more, as if the host had swallowed it. */
  get muted(): Set<AskProtocol> {
    return this.#tap.muted
  }

  /** Waits until it has a connection to `victim` again: after each fault it was cut off, and is forgiven here. */
  async reach(victim: SimulatedNode): Promise<void> {
    for (const { subject } of victim.node.bans()) victim.node.unban(subject)
    await this.simulation.until(() => this.self.net().isConnected(victim.node.id))
  }

  /** Resolves with the answer, or the code of the refusal. */
  async ask(
    victim: SimulatedNode,
    protocol: AskProtocol,
    request: Uint8Array,
  ): Promise<Uint8Array | string> {
    await this.reach(victim)
    const { signal } = new AbortController()
    const answer = this.self
      .net()
      .ask(victim.node.id, protocol, request, signal)
      .catch((error: { code: string }) => error.code)
    return await this.simulation.settle(answer)
  }

  async tell(victim: SimulatedNode, protocol: TellProtocol, frame: Uint8Array): Promise<void> {
    await this.reach(victim)
    await this.self
      .net()
      .tell(victim.node.id, protocol, frame)
      .catch(() => {})
  }

  /** Gossip that only `victim` gets from it. */
  whisper(victim: SimulatedNode, topic: GossipTopic, data: Uint8Array): void {
    victim.net().handlers.gossip(topic, data, this.id)
  }

  envelope(
    topic: GossipTopic,
    sequence: number,
    payload: Uint8Array,
    author: SigningKey = this.signing,
  ): Uint8Array {
    const { network } = this.simulation.fixture
    const sealer = new Sealer({ network, topic, author, random: this.random, ...this.#key() })
    return sealer.seal(sequence, payload)
  }

  /** Citations of the beats of others that came in, in the order in which they came. */
  heard(): readonly Uint8Array[] {
    const { network } = this.simulation.fixture
    const opener = new Opener({ network, protocols: [] })
    const { epochKey } = this.#key()
    return this.recorded.flatMap(({ topic, data }) => {
      if (topic !== 'heartbeat') return []
      const opened = opener.unseal(topic, data, () => epochKey)
      if (opened.kind !== 'unsealed') return []
      const { author, sequence, payload } = opened.body
      return [beatDigest({ author: nodeIdOfKey(author), sequence, payload }).citation]
    })
  }

  frame(protocol: 'sync' | 'ack', payload: Uint8Array): Uint8Array {
    const { network } = this.simulation.fixture
    const sealer = new FrameSealer({ network, protocol, random: this.random, ...this.#key() })
    return sealer.seal(payload)
  }

  /** The traffic key that it made when it founded: the first draw after its evidence whose name others use. */
  #key(): { readonly keyId: ReturnType<typeof epochKeyId>; readonly epochKey: Secret } {
    const epochKey = this.#tap.firstEpochKey()
    return { keyId: epochKeyId('traffic', epochKey), epochKey }
  }
}

/** Between the node and its machine. */
class Tap {
  readonly recorded: { readonly topic: GossipTopic; readonly data: Uint8Array }[] = []
  readonly #draws: Uint8Array[] = []
  signing: SigningKey | undefined
  random: Random | undefined
  lie: Lie = () => undefined
  readonly muted = new Set<AskProtocol>()
  #drawsAtOpen = 0

  on(host: Host): Host {
    this.random = host.random
    const random: Random = {
      bytes: count => {
        const bytes = host.random.bytes(count)
        if (count === 32) this.#draws.push(bytes.slice())
        return bytes
      },
    }
    return {
      ...host,
      random,
      openNet: async options => {
        const seed = options.identitySeed.use(bytes => bytes.slice())
        this.signing = new SigningKey(new Secret(seed))
        this.#drawsAtOpen = this.#draws.length
        const handlers = this.#handlers(options.handlers)
        return this.#muting(await host.openNet({ ...options, handlers }))
      },
    }
  }

  /** Keys are made in the order of their kinds, `traffic` first, when the founder becomes active. */
  firstEpochKey(): Secret {
    const draw = this.#draws[this.#drawsAtOpen]
    if (draw === undefined) throw new Error('it has founded')
    return new Secret(draw.slice())
  }

  #muting(net: Net): Net {
    const ask = net.ask.bind(net)
    return Object.assign(net, {
      ask: (...[node, protocol, request, signal]: Parameters<Net['ask']>) =>
        this.muted.has(protocol)
          ? Promise.reject(new HostError('ASK_FAILED', 'muted'))
          : ask(node, protocol, request, signal),
    })
  }

  #handlers(handlers: NetHandlers): NetHandlers {
    return {
      ...handlers,
      asked: (protocol, request, from, signal) =>
        this.lie(protocol, request, from) ?? handlers.asked(protocol, request, from, signal),
      gossip: (topic, data, from) => {
        this.recorded.push({ topic, data: data.slice() })
        return handlers.gossip(topic, data, from)
      },
    }
  }
}
