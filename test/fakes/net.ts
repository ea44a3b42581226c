/**
 * A network in memory behind the `Net` port, on injected time: whole nodes run on it in a simulation.
 *
 * It does what the real one does wherever a node can tell: the handshake is the real exchange over a frame
 * port (same checks, same codes, same calls of the admission), the dial loop and step-up are the real ones.
 * What is left out is libp2p: sockets, muxers, mesh. It passes the same conformance suite.
 */
import type { Refusal, Verdict } from '../../src/attestation/verdict.ts'
import { CoterieError, HostError, UsageError } from '../../src/base/errors.ts'
import { keyOfNodeId, type NodeId, nodeIdOfKey } from '../../src/base/ids.ts'
import { type Logger, silentLogger } from '../../src/base/log.ts'
import { after, between, type Clock, type Duration, milliseconds } from '../../src/base/time.ts'
import { memberProtocol } from '../../src/host/net/attested-noise.ts'
import { DialLoop, type Dialler, type DialOptions } from '../../src/host/net/dial-loop.ts'
import { attestMember } from '../../src/host/net/handshake.ts'
import type { Attested, Outcome } from '../../src/host/net/handshake-exchange.ts'
import { type NetLimits, netLimits, streamLimits } from '../../src/host/net/options.ts'
import type {
  Admission,
  AskProtocol,
  GossipTopic,
  MemberConnection,
  Net,
  NetHandlers,
  StepUpPurpose,
  TellProtocol,
} from '../../src/host/net/port.ts'
import { StepUp } from '../../src/host/net/step-up.ts'
import { VerificationQueue } from '../../src/host/net/verification-queue.ts'
import type { Timers } from '../../src/host/port.ts'
import type { MetricFamily } from '../../src/host/telemetry/port.ts'
import { limits } from '../../src/wire/limits.ts'
import { topics } from '../../src/wire/topics.ts'
import { FakeAsks } from './net-asks.ts'
import { FakeGossip } from './net-gossip.ts'
import { type End, FakeLink, framePair } from './net-link.ts'
import type { FakeNetwork } from './network.ts'

/** What one net is opened with; addresses look like `/memory/7`. */
export interface FakeNetOptions {
  readonly listen: string
  readonly announce?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly limits?: NetLimits
  readonly admission: Admission
  readonly handlers: NetHandlers
  readonly log?: Logger
}

/** How often and how soon others' neighbours are learned. */
const discoveryWait = milliseconds(400)

/** One net. */
export class FakeNet implements Net, Dialler {
  readonly node: NodeId
  readonly admission: Admission
  readonly handlers: NetHandlers
  readonly clock: Clock
  readonly timers: Timers
  readonly links = new Map<NodeId, End>()
  readonly #network: FakeNetwork
  readonly #options: FakeNetOptions
  readonly #limits: NetLimits
  readonly #log: Logger
  readonly #dials: DialLoop
  readonly #stepUp: StepUp<End>
  /** Virtual time moves on between turns of the event loop, so nothing may wait for one. */
  readonly #queue = new VerificationQueue(queueMicrotask)
  readonly #asks: FakeAsks
  readonly #gossip: FakeGossip
  #cancelDiscovery: (() => void) | undefined
  #isRunning = false

  constructor(network: FakeNetwork, options: FakeNetOptions) {
    const { clock, timers, random } = network.options
    this.#network = network
    this.#options = options
    this.#limits = options.limits ?? netLimits.local
    this.#log = options.log ?? silentLogger
    this.admission = options.admission
    this.handlers = options.handlers
    this.clock = clock
    this.timers = timers
    this.node = nodeIdOfKey(options.admission.self().keys.identity)
    const limits = this.#limits
    const log = this.#log
    this.#asks = new FakeAsks(this, { limits, require: node => this.#require(node) })
    this.#gossip = new FakeGossip(this, {
      limits: this.#limits,
      isMember: node => this.#current(node) !== undefined,
      of: net => net.#gossip,
    })
    const { handlers } = this
    this.#dials = new DialLoop({ dialler: this, handlers, limits, clock, timers, random, log })
    this.#stepUp = new StepUp<End>({
      admission: this.admission,
      verifications: this.#queue,
      handlers: this.handlers,
      links: {
        current: node => this.#current(node),
        require: node => this.#require(node),
        renew: (end, verdict) => {
          end.member = { ...end.member, verdict }
          end.lapsesAt = after(clock.monotonic(), between(clock.wall(), verdict.expiresAt))
        },
      },
      ask: (node, request, signal) =>
        this.#asks.ask(node, 'step-up', request, signal, (net, end) =>
          net.#stepUp.answer(request, end),
        ),
      disconnect: (node, code) => void this.disconnect(node, code),
      ...{ clock, timers, random, log },
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#network.nets.has(this.#options.listen)) {
      throw new HostError('CANNOT_LISTEN', `${this.#options.listen} is taken`)
    }
    this.#isRunning = true
    this.#network.nets.set(this.#options.listen, this)
    this.addAddresses(this.#options.bootstrap ?? [])
    this.#dials.start()
    this.#discoverIn(this.#limits.selfQueryInterval)
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#network.nets.delete(this.#options.listen)
    this.#cancelDiscovery?.()
    this.#stepUp.stop()
    for (const end of [...this.links.values()]) end.link.break()
    await this.#dials.stop()
  }

  addresses(): readonly string[] {
    const { announce, listen } = this.#options
    const told = announce === undefined || announce.length === 0 ? [listen] : announce
    return told.map(address => `${address}/p2p/${this.node}`)
  }

  listening(): readonly string[] {
    return [this.#options.listen]
  }

  connections(): readonly MemberConnection[] {
    return [...this.links.values()].map(end => end.member)
  }

  metrics(): readonly MetricFamily[] {
    return []
  }

  async publish(topic: GossipTopic, data: Uint8Array): Promise<{ readonly recipients: number }> {
    if (!this.#isRunning) throw new HostError('NOT_STARTED', 'the network is not running')
    if (data.length > topics[topic].envelopeBytesMax) {
      throw new UsageError('MESSAGE_TOO_LARGE', `${topic} takes less`)
    }
    const recipients = this.#gossip.publish(topic, data)
    const members = [...this.links.values()].filter(end => end.isOpen).length
    if (recipients === 0 && members > 0) this.#log.warn('gossip reached nobody', { topic, members })
    return { recipients }
  }

  ask(
    node: NodeId,
    protocol: AskProtocol,
    request: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return this.#asks.ask(node, protocol, request, signal, (net, _end, serving) =>
      net.handlers.asked(protocol, request.slice(), this.node, serving),
    )
  }

  async tell(node: NodeId, protocol: TellProtocol, frame: Uint8Array): Promise<void> {
    if (frame.length > limits.frameBytesMax) throw new HostError('FRAME_TOO_LARGE', 'a frame')
    const end = this.#require(node)
    if (end.heldBytes + frame.length > streamLimits.tellBufferBytesMax) {
      void this.disconnect(node, 'SEND_BUFFER_FULL')
      throw new HostError('SEND_BUFFER_FULL', `${node} does not read`)
    }
    const bytes = frame.slice()
    const handedOver = end.send(bytes.length, remote => {
      remote.handlers.told(protocol, bytes, this.node)
    })
    await handedOver
  }

  stepUp(node: NodeId, purpose: StepUpPurpose, signal: AbortSignal): Promise<Verdict> {
    return this.#stepUp.ask(node, purpose, signal)
  }

  async disconnect(node: NodeId, code: string): Promise<void> {
    this.links.get(node)?.link.break(code)
  }

  retry(code: string): void {
    this.#dials.retry(code)
  }

  addAddresses(addresses: readonly string[]): void {
    for (const address of addresses) {
      if (!address.startsWith('/memory/')) throw new UsageError('BAD_ADDRESS', address)
      this.#dials.addAddress(address)
    }
  }

  async dial(addresses: readonly string[], { signal, answered }: DialOptions): Promise<NodeId> {
    let code = 'DIAL_REFUSED'
    for (const address of addresses) {
      signal.throwIfAborted()
      const [, listen, , expected] = /^(\/memory\/[^/]+)(\/p2p\/(.+))?$/.exec(address) ?? []
      const remote = listen === undefined ? undefined : this.#network.nets.get(listen)
      // Nobody listens: the machine refuses. A cut link is silent.
      if (remote === undefined || this.#network.isRefused(this.node, remote.node)) continue
      if (this.#network.isCut(this.node, remote.node)) code = 'UNREACHABLE'
      else if (expected !== undefined && expected !== remote.node) code = 'UNEXPECTED_PEER'
      else if (remote === this) code = 'SELF_DIAL'
      else {
        answered()
        code = await untilAborted(this.#handshake(remote, address), signal)
      }
      if (code === 'OK' || code === 'ALREADY_CONNECTED') return remote.node
    }
    throw new HostError(code, `${code}: cannot dial`)
  }

  isConnected(node: NodeId): boolean {
    return this.links.has(node)
  }

  isBarred(node: NodeId): boolean {
    return node === this.node || this.#barred(node) !== undefined
  }

  /** A link's end on this side is gone. */
  dropped(end: End, reason: string): void {
    if (this.links.get(end.node) !== end) return
    this.links.delete(end.node)
    this.#stepUp.unwatch(end.node)
    this.#gossip.forget(end.node)
    this.handlers.memberDisconnected(end.node, reason)
    if (this.#isRunning) this.#dials.lost(end.node)
  }

  async #handshake(remote: FakeNet, address: string): Promise<string> {
    if (this.links.has(remote.node)) return 'ALREADY_CONNECTED'
    await this.#pause(remote.node)
    if (this.admission.network !== remote.admission.network) {
      this.#tellRefused('link', null, address, 'WRONG_NETWORK_OR_TAMPERED')
      remote.#tellRefused('link', null, '/memory/stranger', 'HANDSHAKE_ABORTED')
      return 'WRONG_NETWORK_OR_TAMPERED'
    }
    const frames = framePair(this.#network, this, remote)
    const { random } = this.#network.options
    const handshakeHash = random.bytes(32)
    const run = (net: FakeNet, own: 'initiator' | 'responder'): Promise<Outcome<Attested>> => {
      const other = net === this ? remote : this
      return attestMember(
        {
          port: frames[own],
          channel: {
            network: this.admission.network,
            protocol: memberProtocol,
            own,
            initiator: sideOf(this),
            responder: sideOf(remote),
            handshakeHash,
          },
          node: other.node,
          challenge: random.bytes(32),
          signal: new AbortController().signal,
          barred: () => net.#barred(other.node),
        },
        net.admission,
        net.#queue,
      )
    }
    const settled = await Promise.allSettled([
      run(this, 'initiator').finally(frames.close),
      run(remote, 'responder').finally(frames.close),
    ])
    return this.#conclude(remote, address, settled)
  }

  #conclude(
    remote: FakeNet,
    address: string,
    [mine, theirs]: readonly [
      PromiseSettledResult<Outcome<Attested>>,
      PromiseSettledResult<Outcome<Attested>>,
    ],
  ): string {
    const mySide = this.#report(remote, address, mine)
    const theirSide = remote.#report(this, '/memory/dialler', theirs)
    const refusedCode = mySide ?? theirSide
    if (refusedCode !== undefined) return refusedCode
    if (mine.status === 'rejected' || theirs.status === 'rejected') return 'HANDSHAKE_ABORTED'
    if (mine.value.kind !== 'attested' || theirs.value.kind !== 'attested')
      return 'HANDSHAKE_ABORTED'
    // Dials of both sides may have raced: one connection is enough, and both ends are decided here at once.
    if (this.links.has(remote.node)) return 'ALREADY_CONNECTED'
    if (!this.#isRunning || !remote.#isRunning) return 'UNREACHABLE'
    if (this.#network.isCut(this.node, remote.node)) return 'UNREACHABLE'
    const link = new FakeLink(this.#network, this, remote)
    this.#join(link.join(this, mine.value.attested, address))
    remote.#join(link.join(remote, theirs.value.attested, '/memory/dialler'))
    return 'OK'
  }

  /** Tells the refusal that this end saw; answers its code. */
  #report(
    other: FakeNet,
    address: string,
    settled: PromiseSettledResult<Outcome<Attested>>,
  ): string | undefined {
    if (settled.status === 'fulfilled' && settled.value.kind === 'refused') {
      const { by, refusal } = settled.value
      this.handlers.connectionRefused({ by, node: other.node, address, refusal })
      return refusal.code
    }
    return undefined
  }

  #tellRefused(by: 'link', node: NodeId | null, address: string, code: string): void {
    this.handlers.connectionRefused({ by, node, address, refusal: { code, facts: {} } })
  }

  #join(end: End): void {
    this.links.set(end.node, end)
    this.#stepUp.watch(end)
    this.#discoverIn(discoveryWait)
    this.#dials.addNode(end.node, end.remote.addresses())
    this.handlers.memberConnected(end.member).then(
      () => {
        end.isOpen = true
      },
      (error: unknown) => {
        const code = error instanceof CoterieError ? error.code : 'TURNED_AWAY'
        end.link.break(code)
      },
    )
  }

  #barred(node: NodeId): Refusal | undefined {
    return this.admission.barred(node)
  }

  #current(node: NodeId): End | undefined {
    const end = this.links.get(node)
    return end !== undefined && end.lapsesAt > this.clock.monotonic() ? end : undefined
  }

  #require(node: NodeId): End {
    const end = this.#current(node)
    if (end === undefined) throw new HostError('NOT_CONNECTED', `no connection to ${node}`)
    return end
  }

  #discoverIn(span: Duration): void {
    this.#cancelDiscovery?.()
    this.#cancelDiscovery = this.timers.after(span, () => {
      for (const end of this.links.values()) {
        for (const { node, remote } of end.remote.links.values()) {
          if (node !== this.node && !this.links.has(node))
            this.#dials.addNode(node, remote.addresses())
        }
      }
      this.#discoverIn(this.#limits.selfQueryInterval)
    })
  }

  #pause(to: NodeId): Promise<void> {
    return new Promise(resolve => {
      this.timers.after(this.#network.latency(this.node, to), resolve)
    })
  }
}

function sideOf(net: FakeNet): { readonly identity: Uint8Array; readonly noise: Uint8Array } {
  return { identity: keyOfNodeId(net.node), noise: net.admission.self().keys.noise }
}

/** Stopping does not wait for virtual time to pass. */
function untilAborted(handshake: Promise<string>, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const stopped = (): void => resolve('UNREACHABLE')
    signal.addEventListener('abort', stopped, { once: true })
    handshake.then(resolve, reject).finally(() => signal.removeEventListener('abort', stopped))
  })
}
