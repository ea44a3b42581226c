/** The gossipsub service and its settings: every option that differs from the default says why. */
import { createHash } from 'node:crypto'
import { gossipsub } from '@libp2p/gossipsub'
import { limits } from '../../wire/limits.ts'
import type { GossipRegister } from './gossip-register.ts'
import { type NetLimits, streamLimits } from './options.ts'
import type { GossipTopic } from './port.ts'

/** Items of one RPC. What an honest node sends is far below; ids are as many as gossipsub itself sends. */
const decodeRpcLimits = {
  maxSubscriptions: 16,
  maxMessages: 256,
  maxIhaveMessageIDs: 5000,
  maxIwantMessageIDs: 5000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 64,
  // Peers are found by the routing table; nobody sends them here.
  maxPeerInfos: 1,
}

/** One RPC. */
const rpcBytesMax = 4 * limits.gossipBytesMax

/** Broken promises, and grafts too soon, that may stand against a neighbour at a time; they decay in seconds. */
const brokenPromisesMax = 10

/** The gossipsub service, with the settings that this network needs. */
export function gossipService(deps: {
  /** Name on the wire of each topic. */
  readonly topics: Readonly<Record<GossipTopic, string>>
  readonly limits: NetLimits
  readonly register?: GossipRegister | undefined
}): ReturnType<typeof gossipsub> {
  const { meshDegree } = deps.limits
  const hashOf = lastHashKept()
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
    scoreParams: {
      IPColocationFactorWeight: 0,
      // One promise to send what was asked for by name may break each second where a machine is overloaded.
      // Counted from the first, as by default, three of them graylist an honest neighbour, and messages are lost.
      behaviourPenaltyThreshold: brokenPromisesMax,
    },
    maxInboundDataLength: rpcBytesMax,
    maxOutboundBufferSize: streamLimits.gossipBufferBytesMax,
    // Chokes save the copy itself; a notice for each message and neighbour would cost more than it saves.
    idontwantMinDataSize: limits.gossipBytesMax,
    decodeRpcLimits,
  })
}

/** A message id as the key of gossipsub's maps. */
export function textOfId(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
}

/** SHA-256, made once where gossipsub asks for two ids of the same bytes, one after the other. */
function lastHashKept(): (data: Uint8Array) => Buffer {
  let last: { readonly data: Uint8Array; readonly hash: Buffer } | undefined
  return data => {
    if (last?.data !== data) last = { data, hash: createHash('sha256').update(data).digest() }
    return last.hash
  }
}
