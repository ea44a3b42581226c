/**
 * Gossip over gossipsub: hashed topics, no signatures of its own (ours are inside the envelope), few copies,
 * one judgement per message, and a healer for streams that gossipsub loses and never opens again (js-libp2p
 * #3531 leaves re-opening open).
 */
import { createHash } from 'node:crypto'
import {
  type GossipSub,
  type GossipsubMessage,
  gossipsub,
  TopicValidatorResult,
} from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { HostError, UsageError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { type Clock, milliseconds, seconds } from '../../base/time.ts'
import { chokeCodec } from '../../wire/choke.ts'
import { limits } from '../../wire/limits.ts'
import { topics } from '../../wire/topics.ts'
import type { Timers } from '../port.ts'
import { Chokes } from './chokes.ts'
import { GossipRegister } from './gossip-register.ts'
import { type GossipHooks, type GossipInside, hookGossipsub } from './gossipsub-inside.ts'
import type { MemberLinks } from './member-links.ts'
import { inOnePiece } from './noise-crypto.ts'
import { type NetLimits, streamLimits } from './options.ts'
import type { GossipJudgement, GossipTopic, NetHandlers } from './port.ts'
import { RateBudget } from './rate-budget.ts'
import type { Tells } from './streams.ts'

/** What gossip stands on. */
export interface GossipDeps {
  /** Name on the wire of each topic. */
  readonly topics: Readonly<Record<GossipTopic, string>>
  readonly limits: NetLimits
  readonly links: MemberLinks
  readonly tells: Tells
  readonly handlers: NetHandlers
  readonly clock: Clock
  readonly timers: Timers
  readonly log: Logger
}

/** Counters since the start. */
export interface GossipCounts {
  /** Messages that were news. */
  readonly received: number
  /** Further copies of messages: what forwarding costs. */
  readonly duplicates: number
  /** Streams that gossipsub had lost and the healer opened again. */
  readonly healed: number
  /** Messages of neighbours above their rate. */
  readonly overRate: number
  /** Own messages that reached nobody although a member was connected. */
  readonly unheard: number
}

/** The gossipsub service, with the settings that this network needs. */
export function gossipService(
  deps: Pick<GossipDeps, 'topics' | 'limits'> & { readonly register?: GossipRegister | undefined },
): ReturnType<typeof gossipsub> {
  const { meshDegree } = deps.limits
  return gossipsub({
    D: meshDegree,
    Dlo: meshDegree - 2,
    Dhi: 2 * meshDegree,
    Dout: 2,
    Dscore: meshDegree - 2,
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: message => hashOf(message.data).subarray(0, 20),
    // Looked up before any check, so it covers every byte: a shorter one could be collided to hide a message.
    fastMsgIdFn: message => hashOf(message.data ?? new Uint8Array(0)).toString('latin1'),
    msgIdToStrFn: textOfId,
    ...(deps.register === undefined ? {} : deps.register.options()),
    allowedTopics: Object.values(deps.topics),
    asyncValidation: true,
    batchPublish: true,
    // The author's own copy is the shortest way to each neighbour, and makes all others needless.
    floodPublish: true,
    fallbackToFloodsub: false,
    allowPublishToZeroTopicPeers: true,
    doPX: false,
    emitSelf: false,
    tagMeshPeers: false,
    // Behind one NAT, in one rack, on one laptop all members share an address: with the default weight
    // everybody is graylisted from the eleventh on.
    scoreParams: { IPColocationFactorWeight: 0 },
    maxInboundDataLength: 4 * limits.gossipBytesMax,
    maxOutboundBufferSize: streamLimits.gossipBufferBytesMax,
    // On fast links the notice costs more than the copy it saves, up to about this size.
    idontwantMinDataSize: 64 * 1024,
  })
}

/** Below it gossipsub takes nothing from a peer (its `graylistThreshold`, the default of 17.1.1). */
const graylistScore = -80
/** How often lost streams are looked for. */
const healInterval = milliseconds(500)
/** How long `publish` waits for slow neighbours at most; then the buffer's own limit decides. */
const drainWait = seconds(5)
/** Whose messages a neighbour need not pass on. */
const chokeProtocol = '/coterie/tell/choke/1'

/** Publishing, judging and healing. */
export class Gossip {
  readonly #deps: GossipDeps
  readonly #budgets = new Map<NodeId, RateBudget>()
  readonly #topicOf: ReadonlyMap<string, GossipTopic>
  readonly #chokes: Chokes
  /** The author of the message that is being passed on at this moment. */
  #passedOn: NodeId | undefined
  /** What gossipsub counts for itself. */
  readonly register: GossipRegister
  #service: GossipInside | undefined
  #cancelHealing: (() => void) | undefined
  #missing: ReadonlySet<NodeId> = new Set()
  #counts = { received: 0, duplicates: 0, healed: 0, overRate: 0, unheard: 0 }

  constructor(deps: GossipDeps) {
    this.#deps = deps
    this.register = new GossipRegister(deps.topics)
    const entries = Object.entries(deps.topics) as [GossipTopic, string][]
    this.#topicOf = new Map(entries.map(([topic, name]) => [name, topic]))
    const { clock, timers, tells } = deps
    this.#chokes = new Chokes({
      ...{ clock, timers },
      tell: (node, choke) => {
        const frame = chokeCodec.encode(choke)
        // Unsaid, it costs copies; if the neighbour is gone, it costs nothing.
        tells.tell(node, chokeProtocol, frame).catch(() => undefined)
      },
    })
  }

  get counts(): GossipCounts {
    return { ...this.#counts }
  }

  /** Takes what neighbours say about passing on. */
  async serve(registrar: Registrar): Promise<void> {
    await this.#deps.tells.serve(registrar, chokeProtocol, (frame, from) =>
      this.#chokes.told(from, chokeCodec.decode(frame)),
    )
  }

  /** Neighbours whose gossip is ignored for their score. */
  graylisted(): number {
    const service = this.#service
    if (service === undefined) return 0
    return [...service.peers.keys()].filter(peer => service.getScore(peer) < graylistScore).length
  }

  /** Subscribes and starts to judge and heal. `service` has started. */
  start(service: GossipSub): void {
    this.#service = hookGossipsub(service, this.#hooks)
    service.addEventListener('gossipsub:message', event => this.#judge(event.detail))
    for (const name of Object.values(this.#deps.topics)) service.subscribe(name)
    this.#healLater()
  }

  stop(): void {
    this.#cancelHealing?.()
    this.#chokes.stop()
    this.#service = undefined
  }

  memberGone(node: NodeId): void {
    this.#budgets.delete(node)
    this.#chokes.lost(node)
  }

  /** @throws {UsageError} `DUPLICATE_MESSAGE` for bytes published before within two minutes. */
  async publish(topic: GossipTopic, data: Uint8Array): Promise<{ readonly recipients: number }> {
    const service = this.#service
    if (service === undefined) throw new HostError('NOT_STARTED', 'the network is not running')
    const bytesMax = topics[topic].envelopeBytesMax
    if (data.length > bytesMax) {
      throw new UsageError('MESSAGE_TOO_LARGE', `${topic} has at most ${bytesMax} bytes`)
    }
    let recipients: readonly PeerId[]
    try {
      recipients = (await service.publish(this.#deps.topics[topic], data)).recipients
    } catch (cause) {
      const isDuplicate = cause instanceof Error && cause.message === 'PublishError.Duplicate'
      if (isDuplicate)
        throw new UsageError('DUPLICATE_MESSAGE', 'these bytes were published before')
      throw new HostError('PUBLISH_FAILED', 'gossipsub refused a message', { cause })
    }
    if (recipients.length === 0) this.#unheard(topic)
    await this.#drain(service, recipients)
    return { recipients: recipients.length }
  }

  /** Opens the streams that gossipsub lost while their connections live. */
  heal(): void {
    const service = this.#service
    if (service === undefined) return
    const missing = new Set<NodeId>()
    for (const { node, connection } of this.#deps.links.all()) {
      const peer = service.peers.get(node)
      if (peer === undefined || service.streamsOutbound.has(node)) continue
      if (!this.#deps.links.isGateOpen(node) || connection.status !== 'open') continue
      missing.add(node)
      // At the first look it may just be on its way.
      if (!this.#missing.has(node)) continue
      this.#counts.healed++
      service.outboundInflightQueue.push({ peerId: peer, connection })
    }
    this.#missing = missing
  }

  #healLater(): void {
    this.#cancelHealing = this.#deps.timers.after(healInterval, () => {
      this.heal()
      this.#healLater()
    })
  }

  #unheard(topic: GossipTopic): void {
    const { links, log } = this.#deps
    const members = links.all().filter(({ node }) => links.isGateOpen(node)).length
    if (members === 0) return
    this.#counts.unheard++
    log.warn('gossip reached nobody', { topic, members })
  }

  /** Gossipsub sends without looking back; whoever publishes faster than the neighbours read waits here. */
  async #drain(service: GossipInside, recipients: readonly PeerId[]): Promise<void> {
    const slow = recipients
      .map(peer => service.streamsOutbound.get(peer.toString())?.rawStream)
      .filter(stream => stream !== undefined)
      .filter(stream => stream.writeBufferLength > streamLimits.gossipHighWaterBytes)
    if (slow.length === 0) return
    const signal = AbortSignal.timeout(drainWait)
    await Promise.allSettled(slow.map(stream => stream.onDrain({ signal })))
  }

  readonly #hooks: GossipHooks = {
    forwarding: (chosen, source) => this.#forwarding(chosen, source),
    duplicate: (id, from) => {
      this.#counts.duplicates++
      this.#chokes.duplicate(id, nodeId(from))
    },
    naming: (topic, candidates, ids) => {
      // Gossipsub names nothing to neighbours in the mesh, which get everything; those that choked do not.
      for (const node of this.#service?.mesh.get(topic) ?? []) {
        if (this.#chokes.needsNames(nodeId(node))) candidates.add(node)
      }
      return ids.filter(id => this.#chokes.isNameable(textOfId(id)))
    },
    received: () => true,
  }

  #forwarding(chosen: Set<string>, source: string | undefined): void {
    const author = this.#passedOn
    if (author === undefined) return
    chosen.delete(author)
    for (const node of chosen) {
      if (this.#chokes.standing(nodeId(node), author) === 'choked') chosen.delete(node)
    }
    for (const node of this.#chokes.wanting(author)) if (node !== source) chosen.add(node)
  }

  #judge({ propagationSource, msgId, msg }: GossipsubMessage): void {
    const from = nodeId(propagationSource.toString())
    const judgement = this.#judgementOf(from, msg.topic, inOnePiece(msg.data))
    if (judgement.kind === 'accept') {
      const isMeshed = this.#service?.mesh.get(msg.topic)?.has(from) === true
      this.#chokes.accepted(msgId, { author: judgement.author, from, isMeshed })
      this.#passedOn = judgement.author
    }
    this.#counts.received++
    this.#service?.reportMessageValidationResult(msgId, from, acceptances[judgement.kind])
    this.#passedOn = undefined
  }

  #judgementOf(from: NodeId, name: string, data: Uint8Array): GossipJudgement {
    const topic = this.#topicOf.get(name)
    if (topic === undefined || data.length > topics[topic].envelopeBytesMax)
      return { kind: 'reject' }
    // A verdict that lapsed, or a member that is being cut off: its gossip no longer counts.
    if (this.#deps.links.current(from) === undefined) return { kind: 'ignore' }
    if (!this.#budgetOf(from).spend(data.length)) {
      if (this.#counts.overRate++ % 1000 === 0) {
        this.#deps.log.warn('a neighbour gossips above its rate', { node: from })
      }
      return { kind: 'ignore' }
    }
    return this.#deps.handlers.gossip(topic, data, from)
  }

  #budgetOf(node: NodeId): RateBudget {
    const { gossipPerSecond, gossipBytesPerSecond } = this.#deps.limits
    const rate = { messagesPerSecond: gossipPerSecond, bytesPerSecond: gossipBytesPerSecond }
    const budget = this.#budgets.get(node) ?? new RateBudget(rate, this.#deps.clock)
    this.#budgets.set(node, budget)
    return budget
  }
}

const acceptances = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const satisfies Record<GossipJudgement['kind'], TopicValidatorResult>

/** A message id as the key of gossipsub's maps. */
function textOfId(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

function hashOf(data: Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}
