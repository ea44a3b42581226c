/**
 * Gossip over gossipsub: hashed topics, no signatures of its own (ours are inside the envelope), few copies,
 * one judgement per message, and a healer for streams that gossipsub loses and never opens again (js-libp2p
 * #3531 leaves re-opening open).
 */
import { type GossipSub, type GossipsubMessage, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { HostError, UsageError } from '../../base/errors.ts'
import { type NodeId, nodeId } from '../../base/ids.ts'
import type { Logger } from '../../base/log.ts'
import { between, type Clock, type Instant, milliseconds, seconds } from '../../base/time.ts'
import { chokeCodec } from '../../wire/choke.ts'
import { limits } from '../../wire/limits.ts'
import { topics } from '../../wire/topics.ts'
import type { Timers } from '../port.ts'
import { Chokes } from './chokes.ts'
import { GossipBudgets } from './gossip-budgets.ts'
import { GossipRegister } from './gossip-register.ts'
import { textOfId } from './gossip-service.ts'
import {
  type GossipHooks,
  type GossipInside,
  hookGossipsub,
  type RpcMessage,
} from './gossipsub-inside.ts'
import type { MemberLinks } from './member-links.ts'
import { inOnePiece } from './noise-crypto.ts'
import { type NetLimits, streamLimits } from './options.ts'
import type { GossipJudgement, GossipTopic, NetHandlers } from './port.ts'
import { SlicedWork } from './sliced-work.ts'
import type { Tells } from './streams.ts'

/** Messages of one answer to names, so that the answer is taken: above the limit it would end the stream. */
const answerBytesMax = 3 * limits.gossipBytesMax

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
  /** Closes the connections to a member, with the reason. */
  cutOff(node: NodeId, code: string): void
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

/** Below it gossipsub takes nothing from a peer (its `graylistThreshold`, the default of 17.1.1). */
const graylistScore = -80
/** How often lost streams are looked for. */
const healInterval = milliseconds(500)
/** How long `publish` waits for slow neighbours at most; then the buffer's own limit decides. */
const drainWait = seconds(5)
/** How long judging may keep the event loop in one go, and messages that wait for their turn at most. */
const judging = { slice: milliseconds(10), waitingMax: 4_096 }
/** Whose messages a neighbour need not pass on. */
const chokeProtocol = '/coterie/tell/choke/1'

/** Publishing, judging and healing. */
export class Gossip {
  readonly #deps: GossipDeps
  readonly #budgets: GossipBudgets
  readonly #topicOf: ReadonlyMap<string, GossipTopic>
  readonly #chokes: Chokes
  readonly #judging: SlicedWork<GossipsubMessage>
  /** When each neighbour last sent anything. */
  readonly #heardAt = new Map<NodeId, Instant>()
  /** The author of the message that is being passed on at this moment. */
  #passedOn: NodeId | undefined
  /** What gossipsub counts for itself. */
  readonly register: GossipRegister
  #service: GossipInside | undefined
  #cancelHealing: (() => void) | undefined
  #missing: ReadonlySet<NodeId> = new Set()
  /** Since when each slow neighbour has not read. */
  #slow: ReadonlyMap<NodeId, Instant> = new Map()
  #counts = { received: 0, duplicates: 0, healed: 0, unheard: 0 }

  constructor(deps: GossipDeps) {
    this.#deps = deps
    this.register = new GossipRegister(deps.topics)
    const entries = Object.entries(deps.topics) as [GossipTopic, string][]
    this.#topicOf = new Map(entries.map(([topic, name]) => [name, topic]))
    const { clock, timers, tells, log, handlers } = deps
    const flooded = (node: NodeId): void => handlers.flooded(node)
    this.#judging = new SlicedWork(clock, message => this.#judge(message), judging)
    this.#budgets = new GossipBudgets({ clock, log, flooded }, deps.limits)
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
    return { ...this.#counts, overRate: this.#budgets.overRate }
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
    service.addEventListener('gossipsub:message', event => this.#judging.do(event.detail))
    for (const name of Object.values(this.#deps.topics)) service.subscribe(name)
    this.#healLater()
  }

  stop(): void {
    this.#cancelHealing?.()
    this.#chokes.stop()
    this.#judging.stop()
    this.#service = undefined
  }

  /** When this neighbour last sent anything; `undefined` before that. */
  heardAt(node: NodeId): Instant | undefined {
    return this.#heardAt.get(node)
  }

  memberGone(node: NodeId): void {
    this.#heardAt.delete(node)
    this.#budgets.forget(node)
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
      this.#cutOffSlow()
      this.#healLater()
    })
  }

  /** Whoever does not read for long holds our memory: it is told why and may come again. */
  #cutOffSlow(): void {
    const { clock, links, cutOff } = this.#deps
    const now = clock.monotonic()
    const slow = new Map<NodeId, Instant>()
    for (const { node } of links.all()) {
      const stream = this.#service?.streamsOutbound.get(node)?.rawStream
      if (stream === undefined) continue
      if (stream.writeBufferLength <= streamLimits.gossipHighWaterBytes) continue
      const since = this.#slow.get(node) ?? now
      if (between(since, now) > drainWait) cutOff(node, 'SEND_BUFFER_FULL')
      else slow.set(node, since)
    }
    this.#slow = slow
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
    answering: messages => upTo(answerBytesMax, messages),
    received: (from, rpc) => {
      const node = nodeId(from.toString())
      this.#heardAt.set(node, this.#deps.clock.monotonic())
      return this.#budgets.take(node, rpc)
    },
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
    const judgement = this.#deps.handlers.gossip(topic, data, from)
    if (judgement.kind === 'accept') this.#budgets.refund(from, data.length)
    if (judgement.kind === 'ignore' && judgement.isExcess) this.#budgets.exceeded(from)
    return judgement
  }
}

const acceptances = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const satisfies Record<GossipJudgement['kind'], TopicValidatorResult>

/** As many of the first messages as have `bytesMax` bytes together. */
function upTo(bytesMax: number, messages: readonly RpcMessage[]): RpcMessage[] {
  let bytes = 0
  return messages.filter(({ data }) => {
    bytes += data?.length ?? 0
    return bytes <= bytesMax
  })
}
