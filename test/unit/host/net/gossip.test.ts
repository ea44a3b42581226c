/** What this node does differently from gossipsub, on a service that does nothing by itself. */
import type { GossipSub, GossipsubMessage } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { keyOfNodeId, type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import type { Logger } from '../../../../src/base/log.ts'
import { type Clock, instant, milliseconds, timestamp } from '../../../../src/base/time.ts'
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
async function world(options: { readonly clock?: Clock } = {}) {
  const time = new VirtualTime()
  const clock = options.clock ?? time.clock
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
    ...{ clock, timers: time.timers, log, cutOff: () => {} },
  })
  await gossip.serve({} as never)
  let recipients: PeerId[] = [peer(b), peer(c)]
  let arrived: (event: { readonly detail: GossipsubMessage }) => void = () => {}
  const service = {
    ...{ peers: new Map(), mesh: new Map([['d', new Set([b, c])]]), streamsOutbound: new Map() },
    ...{ outboundInflightQueue: { push() {} }, score: { duplicateMessage() {} } },
    ...{ subscribe() {}, getScore: () => 0 },
    addEventListener: (_name: string, listener: typeof arrived) => {
      arrived = listener
    },
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
    arrive: (detail: GossipsubMessage) => arrived({ detail }),
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

test('messages that came in one heap are judged in their order, and timers and sockets have turns in between', async () => {
  let now = 0
  // Each look at the clock finds it half a millisecond on, as judging a message does.
  const clock: Clock = {
    monotonic: () => {
      now += 0.5
      return instant(now)
    },
    wall: () => timestamp(0),
  }
  const { gossip, handlers, arrive } = await world({ clock })
  const heap = Array.from({ length: 200 }, (_, i) => `message ${i}`)
  for (const [i, text] of heap.entries()) {
    const msg = { type: 'unsigned', topic: 'd', data: utf8(text) } as const
    arrive({ propagationSource: peer(c), msgId: String(i), msg })
  }
  let turns = 0
  for (; handlers.heard.length < heap.length; turns++) {
    await new Promise(resolve => setImmediate(resolve))
  }
  expect(turns).toBeGreaterThan(5)
  expect(handlers.heard.map(({ text }) => text)).toEqual(heap)
  gossip.stop()
})
