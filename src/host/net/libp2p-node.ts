/** One libp2p node with the settings of this network: every option that differs from the default says why. */
import type { GossipSub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type {
  ConnectionEncrypter,
  ConnectionGater,
  Libp2p,
  PeerId,
  PrivateKey,
} from '@libp2p/interface'
import type { Registrar, TransportManager } from '@libp2p/interface-internal'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { type ConnectionManagerInit, createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Registry } from 'prom-client'
import { HostError } from '../../base/errors.ts'
import type { NetworkId } from '../../base/ids.ts'
import { minutes, seconds } from '../../base/time.ts'
import { outliveClockJumps } from './clock-jumps.ts'
import { type Allowed, membersOnly } from './confinement.ts'
import type { Doorkeeper } from './doorkeeper.ts'
import { eager } from './eager-streams.ts'
import type { GossipRegister } from './gossip-register.ts'
import { gossipService } from './gossip-service.ts'
import { silentLibp2pLogger } from './libp2p-log.ts'
import type { ChannelComponents } from './noise-channel.ts'
import { handshakeLimits, type NetLimits, type NetOptions } from './options.ts'
import type { AskProtocol, GossipTopic, TellProtocol } from './port.ts'

/** Protocol ids of member streams. */
export const askId = (protocol: AskProtocol): string => `/coterie/ask/${protocol}/1`
export const tellId = (protocol: TellProtocol): string => `/coterie/tell/${protocol}/1`

/** Routing tables of two networks never meet: the protocol id of the DHT names the network. */
export function dhtProtocol(network: NetworkId): string {
  return `/coterie/${network.slice(0, 16)}/kad/1`
}

/** Questions of light clients; of another network, they are asked nobody here. */
export function lightQuestionsId(network: NetworkId): string {
  return `/coterie/${network.slice(0, 16)}/light/1`
}

/** The services of a node. */
export interface Services extends Record<string, unknown> {
  readonly identify: Identify
  readonly ping: Ping
  readonly dht: KadDHT
  readonly gossip: GossipSub
  /** The registrar itself, for member streams. */
  readonly registrar: Registrar
  /** Knows the addresses really listened on. */
  readonly listeners: Pick<TransportManager, 'getAddrs'>
}

/** What a node is made of. */
export interface NodeParts {
  readonly options: NetOptions
  readonly network: NetworkId
  readonly privateKey: PrivateKey
  readonly topics: Readonly<Record<GossipTopic, string>>
  readonly encrypters: readonly ((components: ChannelComponents) => ConnectionEncrypter)[]
  readonly allowed: Allowed
  readonly gossipRegister?: GossipRegister
  /** Where libp2p puts its own metrics; none are kept without. */
  readonly registry?: Registry | undefined
  readonly door: Doorkeeper
  /** Whether a dial to this peer would be refused anyway. */
  isBarred(peer: PeerId): boolean
}

/** Records are not kept here: peers look each other up, and nothing more. */
function refuseRecord(): never {
  throw new HostError('NO_RECORDS', 'NO_RECORDS: this table routes to peers only')
}

/**
 * Takes provider records off the table: each would be kept for two days at anybody's word. The handlers are
 * private in the types (kad-dht 16.4.5); a test puts a record and looks.
 */
function refuseProviders(dht: object): void {
  const handlers: unknown = Reflect.get(Object(Reflect.get(dht, 'rpc')), 'handlers')
  if (!(handlers instanceof Object) || !('ADD_PROVIDER' in handlers)) {
    throw new HostError('KAD_DHT_CHANGED', 'kad-dht lacks the handlers that must be closed')
  }
  Reflect.set(handlers, 'ADD_PROVIDER', { handle: refuseRecord })
  Reflect.set(handlers, 'PUT_VALUE', { handle: refuseRecord })
}

/** A node that is not started. */
export async function libp2pNode(parts: NodeParts): Promise<Libp2p<Services>> {
  const { options, network, allowed } = parts
  const { limits } = options
  outliveClockJumps()
  const node = await createLibp2p({
    start: false,
    privateKey: parts.privateKey,
    logger: silentLibp2pLogger,
    ...metricsOf(parts.registry),
    // Says nothing about version, runtime or operating system to whoever connects.
    nodeInfo: { name: 'coterie', version: '0', userAgent: 'coterie' },
    addresses: {
      listen: [...options.listen],
      // Announced addresses replace the others entirely: a host behind a relay must not leak its own.
      ...(options.announce.length > 0 ? { announce: [...options.announce] } : {}),
    },
    transports: [tcp()],
    streamMuxers: [eager(yamux({ maxInboundStreams: 256, maxOutboundStreams: 256 }))],
    connectionEncrypters: [...parts.encrypters],
    connectionGater: gaterOf(parts),
    connectionManager: connectionManagerOf(limits),
    // It asks everybody all the time; `Silence` asks only whoever is not heard.
    connectionMonitor: { enabled: false },
    services: {
      identify: membersOnly(
        // Run by hand on member connections: run by libp2p it would introduce itself to anybody.
        identify({ runOnConnectionOpen: false }),
        { allowed, gated: false },
      ),
      // With the default of one stream, a probe of the routing table and one of `Silence` meet, the second is
      // refused, and the refusal passes for a dead connection, which is closed.
      ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
      dht: membersOnly(routingTable(network), { allowed, gated: false }),
      gossip: membersOnly(
        gossipService({ topics: parts.topics, limits, register: parts.gossipRegister }),
        {
          allowed,
          gated: true,
        },
      ),
      registrar: (components: { readonly registrar: Registrar }) => components.registrar,
      // Not the transport manager itself: as a service it would be started, and listen, a second time.
      listeners: ({ transportManager }: { readonly transportManager: TransportManager }) => ({
        getAddrs: () => transportManager.getAddrs(),
      }),
    },
  })
  refuseProviders(node.services.dht)
  return node
}

/** libp2p's metrics name protocols and never peers. The process itself is measured once, by the host. */
function metricsOf(registry: Registry | undefined): Pick<Libp2pOptions, 'metrics'> {
  return registry === undefined
    ? {}
    : { metrics: prometheusMetrics({ registry, collectDefaultMetrics: false }) }
}

function gaterOf({ door, isBarred }: NodeParts): ConnectionGater {
  return {
    denyDialPeer: async peer => isBarred(peer),
    // Loopback and private addresses are where members live, too.
    denyDialMultiaddr: async () => false,
    denyInboundConnection: async socket => door.knocks(socket) !== undefined,
    denyInboundUpgradedConnection: async (_peer, socket) => {
      door.passed(socket.timeline)
      return false
    },
  }
}

function connectionManagerOf(limits: NetLimits): ConnectionManagerInit {
  return {
    // The doorkeeper counts by origin: these count an IPv6 network as 2^64 addresses, and let one hold all places.
    inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
    maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
    maxConnections: limits.connectionsMax,
    // Just above the handshake's own time, so that its coded end comes first.
    inboundUpgradeTimeout: handshakeLimits.total + seconds(1),
    addressDialTimeout: limits.dialTimeout,
    dialTimeout: limits.dialTimeout,
    // The dial loop redials, with memory and without giving up.
    reconnectRetries: 0,
  }
}

/** How often the routing table looks around without being asked. */
const ownLookInterval = minutes(10)

function routingTable(network: NetworkId): ReturnType<typeof kadDHT> {
  return kadDHT({
    protocol: dhtProtocol(network),
    // Unset, a node answers nobody until it has a public address.
    clientMode: false,
    // The default drops private addresses: on loopback and in a LAN the table stays empty.
    peerInfoMapper: passthroughMapper,
    // The node asks for its own neighbourhood by itself, as often as there is something to learn (`Discovery`).
    querySelfInterval: ownLookInterval,
    allowQueryWithZeroPeers: true,
    validators: { pk: refuseRecord, ipns: refuseRecord },
    selectors: {},
  })
}
