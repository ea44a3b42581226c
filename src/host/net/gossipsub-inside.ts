/**
 * The parts of gossipsub that this network needs and that its types hide (gossipsub 17.1.1, pinned). Every
 * one is looked for at the start, so that another version is refused in words and not by silence.
 */
import type { GossipSub, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { HostError } from '../../base/errors.ts'

/** One message as it came off the wire. */
export interface RpcMessage {
  readonly topic: string
  readonly data?: Uint8Array
}

/** What one neighbour sent at once. */
export interface Rpc {
  messages: RpcMessage[]
  readonly subscriptions: readonly unknown[]
  control?: Readonly<Record<string, readonly unknown[] | undefined>>
}

/** The fields and steps of gossipsub that are not in its types. */
export interface GossipInside extends GossipSub {
  readonly peers: Map<string, PeerId>
  readonly mesh: Map<string, Set<string>>
  readonly streamsOutbound: Map<string, { readonly rawStream: Stream }>
  readonly outboundInflightQueue: {
    push(entry: { readonly peerId: PeerId; readonly connection: Connection }): void
  }
  readonly score: { duplicateMessage(from: string, id: string, topic: string): void }
  getScore(peer: string): number
  reportMessageValidationResult(id: string, source: string, result: TopicValidatorResult): void
  selectPeersToForward(topic: string, source?: string, excluded?: ReadonlySet<string>): Set<string>
  doEmitGossip(topic: string, candidates: Set<string>, ids: Uint8Array[]): void
  handleReceivedRpc(from: PeerId, rpc: Rpc): Promise<void>
  handleIWant(from: string, wanted: readonly unknown[]): RpcMessage[]
}

/** What is done differently. */
export interface GossipHooks {
  /** Changes the set of neighbours that a message goes on to; `source` brought it. */
  forwarding(chosen: Set<string>, source: string | undefined): void
  /** Another copy of a message came from this neighbour. */
  duplicate(id: string, from: string): void
  /** Changes the set of neighbours that are told names, and picks the names worth telling. */
  naming(topic: string, candidates: Set<string>, ids: readonly Uint8Array[]): Uint8Array[]
  /** Picks of the messages that were asked for by name those to send now; the others are asked for again. */
  answering(messages: readonly RpcMessage[]): RpcMessage[]
  /** Takes out of what came whatever is not taken; `false` for nothing at all. */
  received(from: PeerId, rpc: Rpc): boolean
}

const fields = ['peers', 'mesh', 'streamsOutbound', 'outboundInflightQueue', 'score'] as const
const steps = [
  'getScore',
  'reportMessageValidationResult',
  'selectPeersToForward',
  'doEmitGossip',
  'handleReceivedRpc',
  'handleIWant',
] as const

/** @throws {HostError} `GOSSIPSUB_CHANGED` if it lacks one of the parts. */
export function hookGossipsub(service: GossipSub, hooks: GossipHooks): GossipInside {
  if (!isInside(service)) {
    throw new HostError('GOSSIPSUB_CHANGED', 'gossipsub lacks the parts that this network needs')
  }
  const select = service.selectPeersToForward.bind(service)
  service.selectPeersToForward = (topic, source, excluded) => {
    const chosen = select(topic, source, excluded)
    hooks.forwarding(chosen, source)
    return chosen
  }
  const emit = service.doEmitGossip.bind(service)
  service.doEmitGossip = (topic, candidates, ids) =>
    emit(topic, candidates, hooks.naming(topic, candidates, ids))
  const handle = service.handleReceivedRpc.bind(service)
  service.handleReceivedRpc = async (from, rpc) => {
    if (hooks.received(from, rpc)) await handle(from, rpc)
  }
  const answer = service.handleIWant.bind(service)
  service.handleIWant = (from, wanted) => hooks.answering(answer(from, wanted))
  const { score } = service
  const note = score.duplicateMessage.bind(score)
  score.duplicateMessage = (from, id, topic) => {
    note(from, id, topic)
    hooks.duplicate(id, from)
  }
  return service
}

function isInside(service: GossipSub): service is GossipInside {
  const has = (name: string): boolean => Reflect.get(service, name) instanceof Object
  const areSteps = steps.every(name => typeof Reflect.get(service, name) === 'function')
  return (
    fields.every(has) && areSteps && 'duplicateMessage' in Object(Reflect.get(service, 'score'))
  )
}
