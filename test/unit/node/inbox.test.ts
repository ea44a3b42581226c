import { expect, test } from 'vitest'
import {
  type Digest,
  keyOfNodeId,
  type NetworkId,
  type NodeId,
  nodeIdOfKey,
} from '../../../src/base/ids.ts'
import type { Rate } from '../../../src/base/rate-budget.ts'
import { Secret } from '../../../src/base/secret.ts'
import { SigningKey } from '../../../src/crypto/sign.ts'
import { AuthorBudgets, authorRates } from '../../../src/node/author-budgets.ts'
import { Inbox } from '../../../src/node/inbox.ts'
import { Traffic } from '../../../src/node/traffic.ts'
import type { HeldKey } from '../../../src/protocol/membership/types.ts'
import { epochKeyId } from '../../../src/wire/epoch-key.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

const network = '11'.repeat(32) as NetworkId
const random = { bytes: (count: number) => crypto.getRandomValues(new Uint8Array(count)) }
const { clock } = new VirtualTime()
const neighbour = nodeIdOfKey(random.bytes(32))

function trafficKey(): HeldKey {
  const key = new Secret(random.bytes(32))
  return { kind: 'traffic', id: epochKeyId('traffic', key), key }
}

interface Person {
  readonly node: NodeId
  readonly traffic: Traffic
}

/** Someone who seals under `held` with an identity of their own. */
function person(held: HeldKey): Person {
  const signing = new SigningKey(new Secret(random.bytes(32)))
  const keys = { sealingKey: () => held, openingKey: () => held }
  const traffic = new Traffic({ network, signing, random, clock, keys, unknownKey: () => {} })
  return { node: nodeIdOfKey(signing.publicKey), traffic }
}

interface Delivery {
  readonly topic: 'delta' | 'heartbeat'
  readonly author: NodeId
  readonly sequence: number
}

function reader(options: {
  readonly keys: Map<Digest, HeldKey>
  readonly members: Set<NodeId>
  readonly rate?: Rate
}) {
  const deliveries: Delivery[] = []
  const asked: string[] = []
  const barred = new Set<NodeId>()
  const joining = new Set<NodeId>()
  const self = new SigningKey(new Secret(random.bytes(32)))
  const traffic = new Traffic({
    network,
    signing: self,
    random,
    clock,
    keys: { sealingKey: () => undefined, openingKey: id => options.keys.get(id) },
    unknownKey: () => {},
  })
  const inbox = new Inbox({
    self: nodeIdOfKey(self.publicKey),
    clock,
    traffic,
    budgets: new AuthorBudgets({ clock }, { rate: options.rate ?? authorRates.local }),
    members: {
      isMember: node => options.members.has(node),
      barred: node => (barred.has(node) ? { code: 'REMOVED', facts: {} } : undefined),
    },
    isActive: node => !joining.has(node),
    rejected: why => asked.push(`reject ${why}`),
    unknownKey: id => asked.push(`key ${id}`),
    unknownAuthor: author => asked.push(`author ${author}`),
    batch: (author, sequence) => deliveries.push({ topic: 'delta', author, sequence }),
    beat: (author, sequence, payload) => {
      deliveries.push({ topic: 'heartbeat', author, sequence })
      return payload.length > 0
    },
  })
  return { inbox, deliveries, asked, barred, joining }
}

function sealed(author: Person, topic: 'delta' | 'heartbeat', sequence: number): Uint8Array {
  const envelope = author.traffic.sealEnvelope(topic, sequence, Uint8Array.of(sequence))
  if (envelope === undefined) throw new Error('a key was given')
  return envelope
}

/** Sealed by a key holder, in the name of another, without that other's signature. */
function forgedBy(held: HeldKey, author: NodeId, sequence: number): Uint8Array {
  const signing = { publicKey: keyOfNodeId(author), sign: () => new Uint8Array(64) }
  const keys = { sealingKey: () => held, openingKey: () => held }
  const parts = { network, random, clock, keys, unknownKey: () => {} }
  const traffic = new Traffic({ ...parts, signing: signing as unknown as SigningKey })
  return sealed({ node: author, traffic }, 'delta', sequence)
}

function known() {
  const held = trafficKey()
  const author = person(held)
  const members = new Set([author.node])
  const read = reader({ keys: new Map([[held.id, held]]), members })
  return { held, author, members, ...read }
}

test('a signed delta of a member is delivered once and its replay is ignored', () => {
  const { author, inbox, deliveries } = known()
  const message = sealed(author, 'delta', 7)
  expect(inbox.judge('delta', message, neighbour)).toMatchObject({ kind: 'accept' })
  expect(inbox.judge('delta', message, neighbour)).toMatchObject({ kind: 'ignore' })
  expect(inbox.judge('delta', sealed(author, 'delta', 7), neighbour)).toMatchObject({
    kind: 'ignore',
  })
  expect(deliveries).toEqual([{ topic: 'delta', author: author.node, sequence: 7 }])
})

test('a repeated beat reaches the detector, because it may differ, and is not forwarded', () => {
  const { author, inbox, deliveries } = known()
  const message = sealed(author, 'heartbeat', 1)
  expect(inbox.judge('heartbeat', message, neighbour)).toMatchObject({ kind: 'accept' })
  expect(inbox.judge('heartbeat', message, neighbour)).toMatchObject({ kind: 'ignore' })
  expect(deliveries).toHaveLength(2)
})

test('a message under an unknown key is kept, asked for and judged when the key comes', () => {
  const held = trafficKey()
  const author = person(held)
  const keys = new Map<Digest, HeldKey>()
  const { inbox, deliveries, asked } = reader({ keys, members: new Set([author.node]) })
  expect(inbox.judge('delta', sealed(author, 'delta', 1), neighbour)).toMatchObject({
    kind: 'ignore',
  })
  expect(asked).toEqual([`key ${held.id}`])
  keys.set(held.id, held)
  inbox.release({ kind: 'key', id: held.id })
  expect(deliveries).toHaveLength(1)
})

test('a message of an unknown author is kept and judged when its record comes', () => {
  const { held, inbox, deliveries, asked, members } = known()
  const stranger = person(held)
  expect(inbox.judge('delta', sealed(stranger, 'delta', 1), neighbour)).toMatchObject({
    kind: 'ignore',
  })
  expect(asked).toEqual([`author ${stranger.node}`])
  members.add(stranger.node)
  inbox.release({ kind: 'author', node: stranger.node })
  expect(deliveries).toEqual([{ topic: 'delta', author: stranger.node, sequence: 1 }])
})

test('a delta of a member that is joining waits until it is active, its beats do not', () => {
  const { author, inbox, deliveries, asked, joining } = known()
  joining.add(author.node)
  expect(inbox.judge('delta', sealed(author, 'delta', 1), neighbour)).toMatchObject({
    kind: 'ignore',
  })
  expect(inbox.judge('heartbeat', sealed(author, 'heartbeat', 1), neighbour)).toMatchObject({
    kind: 'accept',
  })
  expect(deliveries.map(({ topic }) => topic)).toEqual(['heartbeat'])
  joining.clear()
  inbox.release({ kind: 'author', node: author.node })
  expect(deliveries.map(({ topic }) => topic)).toEqual(['heartbeat', 'delta'])
  expect(asked).toEqual([])
})

test('what a forgotten author sent earlier is not judged later', () => {
  const { held, inbox, deliveries, members } = known()
  const stranger = person(held)
  inbox.judge('delta', sealed(stranger, 'delta', 1), neighbour)
  inbox.forget(stranger.node)
  members.add(stranger.node)
  inbox.release({ kind: 'author', node: stranger.node })
  expect(deliveries).toEqual([])
})

test('a removed author is not heard, and the neighbour that forwards it is not blamed', () => {
  const { author, inbox, deliveries, barred } = known()
  barred.add(author.node)
  expect(inbox.judge('delta', sealed(author, 'delta', 1), neighbour)).toMatchObject({
    kind: 'ignore',
  })
  expect(deliveries).toEqual([])
})

test('any changed bit and any other topic is rejected', () => {
  const { author, inbox, deliveries } = known()
  const message = sealed(author, 'delta', 1)
  for (const at of [40, 50, 60, message.length - 1]) {
    const changed = message.slice()
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(inbox.judge('delta', changed, neighbour)).toMatchObject({ kind: 'reject' })
  }
  expect(inbox.judge('heartbeat', message, neighbour)).toMatchObject({ kind: 'reject' })
  expect(inbox.judge('delta', message.subarray(0, 20), neighbour)).toMatchObject({ kind: 'reject' })
  expect(deliveries).toEqual([])
})

test('what is signed but is no beat is rejected', () => {
  const { author, inbox } = known()
  const empty = author.traffic.sealEnvelope('heartbeat', 1, new Uint8Array(0))
  expect(inbox.judge('heartbeat', empty ?? new Uint8Array(0), neighbour)).toMatchObject({
    kind: 'reject',
  })
})

test('what is above its author’s rate is ignored, by whichever neighbour it comes', () => {
  const held = trafficKey()
  const author = person(held)
  const other = person(held)
  const rate = { messagesPerSecond: 2, bytesPerSecond: 1_000_000 }
  const members = new Set([author.node, other.node])
  const { inbox, deliveries } = reader({ keys: new Map([[held.id, held]]), members, rate })
  for (let i = 0; i < 30; i++) {
    inbox.judge('delta', sealed(author, 'delta', i), nodeIdOfKey(random.bytes(32)))
  }
  expect(deliveries).toHaveLength(10)
  inbox.judge('delta', sealed(other, 'delta', 1), neighbour)
  inbox.judge('heartbeat', sealed(author, 'heartbeat', 1), neighbour)
  expect(deliveries.slice(10).map(({ topic }) => topic)).toEqual(['delta', 'heartbeat'])
})

test('forged messages do not use up what their pretended author may send', () => {
  const held = trafficKey()
  const author = person(held)
  const rate = { messagesPerSecond: 2, bytesPerSecond: 1_000_000 }
  const members = new Set([author.node])
  const { inbox, deliveries } = reader({ keys: new Map([[held.id, held]]), members, rate })
  for (let i = 0; i < 30; i++) {
    const forged = forgedBy(held, author.node, i)
    expect(inbox.judge('delta', forged, neighbour)).toMatchObject({ kind: 'reject' })
  }
  inbox.judge('delta', sealed(author, 'delta', 99), neighbour)
  expect(deliveries).toHaveLength(1)
})

test('an author above its rate is named to its neighbour as such only if it is that neighbour', () => {
  const held = trafficKey()
  const author = person(held)
  const rate = { messagesPerSecond: 1, bytesPerSecond: 1024 * 1024 }
  const keys = new Map([[held.id, held]])
  const { inbox, deliveries } = reader({ keys, members: new Set([author.node]), rate })
  for (let sequence = 0; sequence < 5; sequence++) {
    inbox.judge('delta', sealed(author, 'delta', sequence), neighbour)
  }
  expect(inbox.judge('delta', sealed(author, 'delta', 5), neighbour)).toEqual({ kind: 'ignore' })
  expect(inbox.judge('delta', sealed(author, 'delta', 6), author.node)).toEqual({
    kind: 'ignore',
    isExcess: true,
  })
  expect(deliveries).toHaveLength(5)
})
