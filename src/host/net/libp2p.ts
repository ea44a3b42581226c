/** The network on libp2p: where its parts are put together. */
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Registry } from 'prom-client'
import type { Verdict } from '../../attestation/verdict.ts'
import { HostError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import type { Clock } from '../../base/time.ts'
import { topicName } from '../../wire/topics.ts'
import type { Timers } from '../port.ts'
import type { MetricFamily } from '../telemetry/port.ts'
import { parseAddress } from './addresses.ts'
import {
  type EncrypterHooks,
  lightProtocol,
  lightServer,
  memberEncrypter,
  memberProtocol,
} from './attested-noise.ts'
import { DialLoop, type DialOptions } from './dial-loop.ts'
import { dialAny } from './dialling.ts'
import { Discovery } from './discovery.ts'
import { Doorkeeper } from './doorkeeper.ts'
import { sayFarewell } from './farewell.ts'
import { Gossip, type GossipCounts } from './gossip.ts'
import { IdentityKey } from './identity-key.ts'
import { Introductions } from './introductions.ts'
import { stopWhole } from './leftovers.ts'
import { askId, libp2pNode, lightQuestionsId, type Services, tellId } from './libp2p-node.ts'
import { LightAnswers } from './light-answers.ts'
import { type Link, MemberLinks } from './member-links.ts'
import { netMetrics } from './net-metrics.ts'
import { NoiseStatic } from './noise-crypto.ts'
import { askTimeoutOf, type NetOptions } from './options.ts'
import {
  type Admission,
  type AskProtocol,
  askProtocols,
  type GossipTopic,
  type MemberConnection,
  type Net,
  type NetHandlers,
  type RefusedConnection,
  type StepUpPurpose,
  type TellProtocol,
} from './port.ts'
import { noteProtocolsOnce } from './protocol-notes.ts'
import { RoleBook } from './role-book.ts'
import { serveMembers } from './served.ts'
import { pingOver, Silence } from './silence.ts'
import { StepUp, stepUpProtocol } from './step-up.ts'
import { Asks, Tells } from './streams.ts'
import { VerificationQueue } from './verification-queue.ts'

/** What the network stands on; the two secrets are lent for its life. */
export interface NetDeps {
  readonly admission: Admission
  readonly handlers: NetHandlers
  readonly identitySeed: Secret
  readonly noiseSecret: Secret
  readonly log: Logger
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Where libp2p puts its own metrics; none are kept without. */
  readonly registry?: Registry
}

/**
 * Opens the network for these keys; no socket is opened before `start`.
 *
 * @throws {UsageError} `BAD_ADDRESS` for an option that is not a multiaddr.
 */
export async function openNet(options: NetOptions, deps: NetDeps): Promise<Libp2pNet> {
  for (const address of [...options.listen, ...options.announce, ...options.bootstrap]) {
    parseAddress(address)
  }
  const privateKey = new IdentityKey(deps.identitySeed)
  const self = peerIdFromPrivateKey(privateKey)
  const net = new Libp2pNet(options, deps, self)
  await net.assemble(privateKey, new NoiseStatic(deps.noiseSecret))
  return net
}

/** The network as the node sees it, and what operators see besides. */
export class Libp2pNet implements Net {
  readonly #options: NetOptions
  readonly #deps: NetDeps
  readonly #self: PeerId
  readonly #links: MemberLinks
  readonly #roles: RoleBook
  readonly #light: LightAnswers
  readonly #door: Doorkeeper
  readonly #asks: Asks
  readonly #tells: Tells
  readonly #stepUp: StepUp<Link>
  readonly #gossip: Gossip
  readonly #dials: DialLoop
  readonly #discovery: Discovery
  readonly #silence: Silence<Connection>
  readonly #introductions: Introductions
  readonly #verifications = new VerificationQueue()
  #libp2p: Libp2p<Services> | undefined

  constructor(options: NetOptions, deps: NetDeps, self: PeerId) {
    const { limits } = options
    const { admission, handlers, clock, timers, log, random } = deps
    this.#options = options
    this.#deps = deps
    this.#self = self
    const cutOff = (node: NodeId, code: string): void => void this.disconnect(node, code)
    const own = nodeId(self.toString())
    this.#links = new MemberLinks({
      ...{ self: own, handlers, clock, timers, log },
      listeners: [this],
      turnAway: cutOff,
    })
    this.#door = new Doorkeeper({ clock, limits, inboundOpen: () => this.#inboundOpen() })
    this.#light = new LightAnswers({ handlers, clock, timers, log })
    this.#roles = new RoleBook({ self: own, admission, links: this.#links })
    const timeouts = new Map(askProtocols.map(name => [askId(name), askTimeoutOf(name, limits)]))
    const askTimeout = (protocol: string) => timeouts.get(protocol) ?? limits.askTimeout
    const streams = { links: this.#links, timers, log, askTimeout }
    this.#asks = new Asks(streams)
    this.#tells = new Tells({ ...streams, cutOff })
    this.#stepUp = new StepUp({
      ...{ admission, handlers, clock, timers, random, log },
      ...{ links: this.#links, verifications: this.#verifications },
      ask: (node, request, signal) => this.#asks.ask(node, stepUpProtocol, request, signal),
      disconnect: cutOff,
    })
    this.#gossip = new Gossip({
      ...{ limits, handlers, clock, timers, log, links: this.#links, tells: this.#tells },
      ...{ topics: this.#topics, cutOff },
    })
    this.#dials = new DialLoop({ dialler: this, handlers, limits, clock, timers, random, log })
    this.#introductions = new Introductions({
      ...{ links: this.#links, dials: this.#dials, timers, log, degree: limits.degree },
      discovery: () => this.#discovery,
      libp2p: () => this.#libp2p,
      isBarred: node => this.isBarred(node),
    })
    this.#silence = new Silence<Connection>({
      ...{ clock, timers, limits },
      connections: () => this.#libp2p?.getConnections() ?? [],
      heardAt: each => this.#gossip.heardAt(nodeId(each.remotePeer.toString())),
      ask: (each, signal) => pingOver(each, random.bytes(32), signal),
    })
    this.#discovery = new Discovery({
      ...{ self, clock, timers, random, log },
      interval: limits.selfQueryInterval,
      found: (node, addresses) => this.#introductions.found(node, addresses),
    })
  }

  get #topics(): Readonly<Record<GossipTopic, string>> {
    const { network } = this.#deps.admission
    return { delta: topicName(network, 'delta'), heartbeat: topicName(network, 'heartbeat') }
  }

  /** Makes the libp2p node. Called once, by `openNet`. */
  async assemble(privateKey: IdentityKey, own: NoiseStatic): Promise<void> {
    const { admission, random, timers } = this.#deps
    const hooks: EncrypterHooks = {
      barred: (node, role, side) => this.#roles.barred(node, role, side),
      began: (node, side) => this.#roles.began(node, side),
      attested: (link, attested) => this.#links.attested(link, attested),
      refused: refused => this.#refused(refused),
    }
    const encrypter = { network: admission.network, own, random, timers, hooks, admission }
    this.#libp2p = await libp2pNode({
      options: this.#options,
      network: admission.network,
      privateKey,
      topics: this.#topics,
      gossipRegister: this.#gossip.register,
      registry: this.#deps.registry,
      encrypters: [
        memberEncrypter({ ...encrypter, queue: this.#verifications }),
        lightServer(encrypter),
      ],
      allowed: {
        memberOf: connection => this.#links.linkOf(connection)?.node,
        gate: node => this.#links.gate(node),
        current: node => this.#links.current(node)?.connection,
      },
      isBarred: peer => this.isBarred(nodeId(peer.toString())),
      door: this.#door,
    })
    noteProtocolsOnce(this.#libp2p, this.#deps.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const libp2p = this.#running()
    signal.throwIfAborted()
    libp2p.addEventListener('connection:open', event => this.#opened(event.detail))
    libp2p.addEventListener('connection:close', event => this.#closed(event.detail))
    libp2p.addEventListener('peer:identify', event =>
      this.#introductions.identified(event.detail.peerId),
    )
    await serveMembers(libp2p.services.registrar, {
      ...{ handlers: this.#deps.handlers, links: this.#links, gossip: this.#gossip },
      ...{ asks: this.#asks, tells: this.#tells, stepUp: this.#stepUp },
    })
    const { network } = this.#deps.admission
    await this.#light.serve(libp2p.services.registrar, lightQuestionsId(network))
    try {
      await libp2p.start()
    } catch (cause) {
      const listen = this.#options.listen.join(', ')
      throw new HostError('CANNOT_LISTEN', `cannot listen on ${listen}`, {
        next: 'choose another address or free the port',
        cause,
      })
    }
    this.#gossip.start(libp2p.services.gossip)
    this.#discovery.start(libp2p.services.dht)
    this.#silence.start()
    this.addAddresses(this.#options.bootstrap)
    this.#dials.start()
  }

  async stop(): Promise<void> {
    const libp2p = this.#libp2p
    if (libp2p === undefined) return
    this.#libp2p = undefined
    this.#stepUp.stop()
    this.#silence.stop()
    this.#gossip.stop()
    await this.#dials.stop()
    await this.#discovery.stop()
    await stopWhole(libp2p)
    this.#links.stop()
  }

  addresses(): readonly string[] {
    return this.#running()
      .getMultiaddrs()
      .map(address => address.toString())
  }

  listening(): readonly string[] {
    const addresses = this.#running().services.listeners.getAddrs()
    return addresses.map(address => address.toString())
  }

  connections(): readonly MemberConnection[] {
    return this.#links.all().map(link => link.member)
  }

  publish(topic: GossipTopic, data: Uint8Array): Promise<{ readonly recipients: number }> {
    return this.#gossip.publish(topic, data)
  }

  async ask(
    node: NodeId,
    protocol: AskProtocol,
    request: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    return await this.#asks.ask(node, askId(protocol), request, signal)
  }

  tell(node: NodeId, protocol: TellProtocol, frame: Uint8Array): Promise<void> {
    return this.#tells.tell(node, tellId(protocol), frame)
  }

  stepUp(node: NodeId, purpose: StepUpPurpose, signal: AbortSignal): Promise<Verdict> {
    return this.#stepUp.ask(node, purpose, signal)
  }

  async disconnect(node: NodeId, code: string): Promise<void> {
    if (!this.#links.has(node)) return
    this.#links.giveReason(node, code)
    await sayFarewell({ asks: this.#asks, timers: this.#deps.timers }, node, code)
    await this.#links.close(node, code)
  }

  retry(code: string): void {
    this.#dials.retry(code)
  }

  addAddresses(addresses: readonly string[]): void {
    for (const address of addresses) {
      parseAddress(address)
      this.#dials.addAddress(address)
    }
  }

  /** Counters of gossip since the start. */
  gossipCounts(): GossipCounts {
    return this.#gossip.counts
  }

  /** Open connections of every role, those about to close included. */
  socketCount = (): number => this.#libp2p?.getConnections().length ?? 0

  /** Handshakes of strangers that are under way, and sockets that were closed unheard. */
  door(): Pick<Doorkeeper, 'pendingCount' | 'turnedAway'> {
    return this.#door
  }

  /** Light clients that are connected, and their questions under way. */
  lightCounts(): LightAnswers['counts'] {
    return this.#light.counts
  }

  /** What is being dialled, and why that last failed. */
  dialTargets(): ReturnType<DialLoop['view']> {
    return this.#dials.view()
  }

  metrics(): readonly MetricFamily[] {
    return netMetrics({ net: this, gossip: this.#gossip, verifications: this.#verifications })
  }

  #refused(refused: RefusedConnection): void {
    const { node, address, refusal } = refused
    if (node !== null) this.#dials.learn(address, node)
    // A node's own address, or a second way to a connected member, is no refusal to tell.
    if (refusal.code === 'SELF_DIAL' || refusal.code === 'ALREADY_CONNECTED') return
    this.#deps.log.debug('refused', { by: refused.by, node, address, code: refusal.code })
    this.#deps.handlers.connectionRefused(refused)
  }

  // What the dial loop asks.

  async dial(addresses: readonly string[], options: DialOptions): Promise<NodeId> {
    return await dialAny(this.#running(), addresses, options)
  }

  isConnected = (node: NodeId): boolean => this.#links.has(node)

  isBarred(node: NodeId): boolean {
    return node === this.#self.toString() || this.#roles.barredAtAll(node) !== undefined
  }

  // What the links tell.

  linkChanged(link: Link): void {
    this.#roles.noteMember(link.node)
    this.#stepUp.watch(link)
    void this.#introductions.introduce(link)
  }

  memberGone(node: NodeId): void {
    this.#stepUp.unwatch(node)
    this.#tells.memberGone(node)
    this.#gossip.memberGone(node)
    this.#dials.lost(node)
  }

  #inboundOpen(): number {
    const open = this.#libp2p?.getConnections().filter(each => each.direction === 'inbound')
    return open?.length ?? 0
  }

  #running(): Libp2p<Services> {
    if (this.#libp2p === undefined) throw new HostError('NOT_STARTED', 'the network is stopped')
    return this.#libp2p
  }

  #opened(connection: Connection): void {
    if (connection.encryption === memberProtocol) this.#links.opened(connection)
    else if (connection.encryption === lightProtocol) this.#openedLight(connection)
    else connection.abort(new HostError('UNKNOWN_ROLE', 'UNKNOWN_ROLE: no such connection'))
  }

  #openedLight(connection: Connection): void {
    if (this.#roles.openedLight(connection)) this.#light.opened(connection)
  }

  #closed(connection: Connection): void {
    this.#light.closed(connection)
    this.#links.closed(connection)
    this.#roles.closedLight(connection)
  }
}
