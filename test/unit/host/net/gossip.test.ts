/** What this node does differently from gossipsub, on a service that does nothing by itself. */
import type { GossipSub } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { keyOfNodeId, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import type { Logger } from '../../../../src/base/log.ts'
import { milliseconds } from '../../../../src/base/time.ts'
import { Gossip } from '../../../../src/host/net/gossip.ts'
import type { GossipInside, Rpc, RpcMessage } from '../../../../src/host/net/gossipsub-inside.ts'
import type { MemberLinks } from '../../../../src/host/net/member-links.ts'
import { netLimits } from '../../../../src/host/net/options.ts'
import type { Tells } from '../../../../src/host/net/streams.ts'
import { chokeCodec } from '../../../../src/wire/choke.ts'
import { RecordingHandlers } from '../../../conformance/net-world.ts'
import { VirtualTime } from '../../../fakes/virtual-time.ts'

const kib = 1024
const [self, b, c] = [1, 2, 3].map(i => nodeIdOfKey(new Uint8Array(32).fill(i))) as [
  NodeId,
  NodeId,
  NodeId,
]
const peer = (node: NodeId): PeerId => ({ toString: () => node }) as unknown as PeerId

/** Gossip of `self` with the neighbours b and c, both in the mesh. */
async function world() {
  const time = new VirtualTime()
  const handlers = new RecordingHandlers()
  const warnings: string[] = []
  const say = (text: string): void => void warnings.push(text)
  const log = { debug() {}, info() {}, error() {}, warn: say } as unknown as Logger
  const links = {
    all: () => [b, c].map(node => ({ node, connection: { status: 'open' } })),
    isGateOpen: () => true,
    current: () => ({}),
  } as unknown as MemberLinks
  let told: (frame: Uint8Array, from: NodeId) => void = () => {}
  const tells = {
    serve: async (_registrar: unknown, _protocol: string, take: typeof told) => {
      told = take
    },
    tell: async () => {},
  } as unknown as Tells
  const gossip = new Gossip({
    ...{ topics: { delta: 'd', heartbeat: 'h' }, limits: netLimits.lan, links, tells, handlers },
    ...{ clock: time.clock, timers: time.timers, log, cutOff: () => {} },
  })
  await gossip.serve({} as never)
  let recipients: PeerId[] = [peer(b), peer(c)]
  const service = {
    ...{ peers: new Map(), mesh: new Map([['d', new Set([b, c])]]), streamsOutbound: new Map() },
    ...{ outboundInflightQueue: { push() {} }, score: { duplicateMessage() {} } },
    ...{ subscribe() {}, addEventListener() {}, getScore: () => 0 },
    ...{ reportMessageValidationResult() {}, doEmitGossip() {} },
    handleReceivedRpc: async () => {},
    handleIWant: (_from: string, wanted: readonly unknown[]) => wanted as RpcMessage[],
    selectPeersToForward: () => new Set([b, c]),
    publish: async () => ({ recipients }),
  }
  gossip.start(service as unknown as GossipSub)
  return {
    ...{ time, handlers, warnings, gossip },
    inside: service as unknown as GossipInside,
    choke: (from: NodeId, choked: readonly NodeId[]) =>
      told(chokeCodec.encode({ choked: choked.map(keyOfNodeId), wanted: [] }), from),
    reachNobody: () => {
      recipients = []
    },
  }
}

test('an answer to names is at most 768 KiB; the rest is answered when it is asked for again', async () => {
  const { gossip, inside } = await world()
  const asked = Array.from({ length: 20 }, (_, i) => ({
    ...{ topic: 'd', data: new Uint8Array(100 * kib).fill(i) },
  }))
  let left: readonly RpcMessage[] = asked
  for (const count of [7, 7, 6]) {
    const answer = inside.handleIWant(b, left)
    expect(answer).toEqual(left.slice(0, count))
    left = left.slice(count)
  }
  gossip.stop()
})

test('who chokes this node’s own messages gets them all the same, and a message that reaches nobody is an alarm', async () => {
  const { gossip, inside, warnings, choke, reachNobody } = await world()
  for (const from of [b, c]) choke(from, [self])
  expect(inside.selectPeersToForward('d')).toEqual(new Set([b, c]))
  expect(await gossip.publish('delta', new Uint8Array(8))).toMatchObject({ recipients: 2 })
  expect([gossip.counts.unheard, warnings]).toEqual([0, []])
  reachNobody()
  expect(await gossip.publish('delta', new Uint8Array(8))).toEqual({ recipients: 0 })
  expect([gossip.counts.unheard, warnings]).toEqual([1, ['gossip reached nobody']])
  gossip.stop()
})

test('a neighbour whose flood is a burden even unread is named to the node, and what it sent is not handled', async () => {
  const { time, gossip, inside, handlers } = await world()
  for (let tenth = 0; tenth < 60; tenth++) {
    const messages = Array.from({ length: 700 }, () => ({ topic: 'd', data: new Uint8Array(8) }))
    const rpc: Rpc = { messages, subscriptions: [] }
    await inside.handleReceivedRpc(peer(c), rpc)
    expect(rpc.messages.length).toBeLessThanOrEqual(tenth < 10 ? 700 : 60)
    await time.advance(milliseconds(100))
  }
  expect(handlers.floods).toEqual([c])
  gossip.stop()
})
