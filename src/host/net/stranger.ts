/**
 * A light client that tries what only a member may do: it dials nodes, appraises them in the handshake and proves nothing. For checks
 * of what strangers get; `light-dialler.ts` is the one that asks honestly.
 */

import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p, Libp2pEvents, TypedEventTarget } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { utf8 } from '../../base/bytes.ts'
import { HostError } from '../../base/errors.ts'
import type { NetworkId } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import { Secret } from '../../base/secret.ts'
import { seconds } from '../../base/time.ts'
import { topicName } from '../../wire/topics.ts'
import type { Timers } from '../port.ts'
import { dialCode, parseAddress } from './addresses.ts'
import { lightClient } from './attested-noise.ts'
import { gossipService } from './gossip-service.ts'
import type { LightAppraiser } from './handshake.ts'
import type { Attested } from './handshake-exchange.ts'
import { IdentityKey } from './identity-key.ts'
import { silentLibp2pLogger } from './libp2p-log.ts'
import { askId, dhtProtocol, tellId } from './libp2p-node.ts'
import { NoiseStatic } from './noise-crypto.ts'
import { netLimits } from './options.ts'
import type { GossipTopic, RefusedConnection } from './port.ts'
import { askProtocols, tellProtocols } from './port.ts'
import { stepUpProtocol } from './step-up.ts'

/** What a stranger stands on. */
export interface StrangerDeps {
  readonly network: NetworkId
  readonly appraiser: LightAppraiser
  readonly random: Random
  readonly timers: Timers
  refused(refused: RefusedConnection): void
}

/** What a stranger got out of a node beyond its attestation; all of it must be empty. */
export interface StrangerFindings {
  /** Member protocols that the node let it open. */
  readonly opened: readonly string[]
  /** Gossip messages that reached it. */
  readonly heard: number
  /** Topics that the node told it, and neighbours that took what it published. */
  readonly gossipPeers: number
  /** Peers that the node's routing table told it. */
  readonly peersTold: number
}

/** Long enough for a stream to be refused or served. */
const tryTime = seconds(2)

interface Services extends Record<string, unknown> {
  readonly gossip: GossipSub
  readonly dht: KadDHT
  readonly events: TypedEventTarget<Libp2pEvents>
}

/** One stranger. Keys are fresh: it has no identity worth keeping. */
export class Stranger {
  readonly #deps: StrangerDeps
  readonly #libp2p: Libp2p<Services>
  readonly #attested: Attested[]

  private constructor(deps: StrangerDeps, libp2p: Libp2p<Services>, attested: Attested[]) {
    this.#deps = deps
    this.#libp2p = libp2p
    this.#attested = attested
  }

  /** Starts a client that listens nowhere. */
  static async open(deps: StrangerDeps): Promise<Stranger> {
    const attested: Attested[] = []
    const privateKey = new IdentityKey(new Secret(deps.random.bytes(32)))
    const encrypter = lightClient({
      network: deps.network,
      own: new NoiseStatic(new Secret(deps.random.bytes(32))),
      random: deps.random,
      timers: deps.timers,
      hooks: {
        barred: () => undefined,
        began: () => ({ [Symbol.dispose]() {} }),
        attested: (_link, result) => void attested.push(result),
        refused: refused => deps.refused(refused),
      },
      appraiser: deps.appraiser,
    })
    const libp2p = await createLibp2p({
      privateKey,
      nodeInfo: { name: 'coterie', version: '0', userAgent: 'coterie' },
      logger: silentLibp2pLogger,
      transports: [tcp()],
      streamMuxers: [yamux()],
      connectionEncrypters: [encrypter],
      connectionGater: { denyDialMultiaddr: async () => false },
      connectionMonitor: { enabled: false },
      services: {
        identify: identify({ runOnConnectionOpen: false }),
        ping: ping(),
        gossip: gossipService({ topics: topicsOf(deps.network), limits: netLimits.local }),
        dht: kadDHT({
          protocol: dhtProtocol(deps.network),
          clientMode: true,
          peerInfoMapper: passthroughMapper,
          allowQueryWithZeroPeers: true,
        }),
        events: (components: { readonly events: TypedEventTarget<Libp2pEvents> }) =>
          components.events,
      },
    })
    return new Stranger(deps, libp2p, attested)
  }

  /** The peer id of this client. */
  get id(): string {
    return this.#libp2p.peerId.toString()
  }

  /** Connects to a node and answers what it proved. @throws {HostError} with the code of the refusal. */
  async dial(address: string, signal: AbortSignal): Promise<Attested> {
    try {
      await this.#libp2p.dial(parseAddress(address), { signal })
    } catch (cause) {
      throw new HostError(dialCode(cause), `${dialCode(cause)}: cannot dial`, { cause })
    }
    const attested = this.#attested.at(-1)
    if (attested === undefined) throw new HostError('NOT_ATTESTED', 'the node proved nothing')
    return attested
  }

  /** Tries on every open connection what only a member may do, and reports what it got. */
  async tryMemberProtocols(signal: AbortSignal): Promise<StrangerFindings> {
    const protocols = [
      ...askProtocols.map(askId),
      ...tellProtocols.map(tellId),
      stepUpProtocol,
      dhtProtocol(this.#deps.network),
      '/meshsub/1.2.0',
      '/meshsub/1.1.0',
      '/ipfs/id/1.0.0',
    ]
    const opened: string[] = []
    for (const protocol of protocols) {
      if (await this.#opens(protocol, signal)) opened.push(protocol)
    }
    return { opened, ...(await this.#tryServices(signal)) }
  }

  /** Resolves when no socket is left. */
  async stop(): Promise<void> {
    await this.#libp2p.stop()
  }

  /** Whether anything comes back on a stream of this protocol: to be negotiated and then reset is nothing. */
  async #opens(protocol: string, signal: AbortSignal): Promise<boolean> {
    for (const connection of this.#libp2p.getConnections()) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(tryTime)])
      try {
        const stream = await connection.newStream(protocol, { signal: patience })
        // One length-prefixed frame, as each of these protocols begins.
        stream.send(Uint8Array.of(1, 0))
        for await (const bytes of stream) if (bytes.byteLength > 0) return true
      } catch {
        // Refused, reset or silent until patience ran out: nothing came back.
      }
    }
    return false
  }

  /** Runs gossipsub and kad-dht of its own, as if the nodes had said that they speak them. */
  async #tryServices(signal: AbortSignal): Promise<Omit<StrangerFindings, 'opened'>> {
    const { gossip, dht, events } = this.#libp2p.services
    const topics = topicsOf(this.#deps.network)
    let heard = 0
    gossip.addEventListener('message', () => heard++)
    for (const topic of Object.values(topics)) gossip.subscribe(topic)
    const protocols = ['/meshsub/1.2.0', '/meshsub/1.1.0', dhtProtocol(this.#deps.network)]
    for (const connection of this.#libp2p.getConnections()) {
      const peerId = connection.remotePeer
      await this.#libp2p.peerStore.merge(peerId, { protocols })
      const detail = { peerId, protocols, connection, listenAddrs: [] }
      events.dispatchEvent(new CustomEvent('peer:identify', { detail }))
    }
    await pause(tryTime, signal)
    const gossipPeers = gossip.getSubscribers(topics.delta).length
    await gossip.publish(topics.delta, utf8('a stranger speaks'))
    const peersTold = await this.#peersTold(dht, signal)
    await pause(tryTime, signal)
    return { heard, gossipPeers, peersTold }
  }

  async #peersTold(dht: KadDHT, signal: AbortSignal): Promise<number> {
    let told = 0
    const patience = AbortSignal.any([signal, AbortSignal.timeout(tryTime)])
    try {
      const key = this.#libp2p.peerId.toMultihash().bytes
      for await (const event of dht.getClosestPeers(key, { signal: patience })) {
        if (event.name === 'PEER_RESPONSE') told += event.closer.length
      }
    } catch {
      // The query found nobody to ask, or nobody answered in time.
    }
    return told
  }
}

function topicsOf(network: NetworkId): Readonly<Record<GossipTopic, string>> {
  return { delta: topicName(network, 'delta'), heartbeat: topicName(network, 'heartbeat') }
}

function pause(span: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, span)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
