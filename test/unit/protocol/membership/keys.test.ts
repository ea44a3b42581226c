/** How epoch keys travel between members: who gets one, who does not, and what a liar achieves. */
import { expect, test } from 'vitest'
import { bytesOfDigest, type Digest, digestOf } from '../../../../src/base/ids.ts'
import { Secret } from '../../../../src/base/secret.ts'
import { hours, type Instant, minutes, seconds } from '../../../../src/base/time.ts'
import { grantKey, signAnnouncement } from '../../../../src/protocol/membership/key-grant.ts'
import type { MembershipEffect } from '../../../../src/protocol/membership/types.ts'
import {
  type EpochKeyKind,
  epochKeyId,
  epochKeyKinds,
  epochKeyLife,
  keyGrantCodec,
  keyRequestCodec,
  type SignedAnnouncement,
} from '../../../../src/wire/epoch-key.ts'
import { announceCodec } from '../../../../src/wire/hello.ts'
import { network3, type TestNode, World } from './harness.ts'
import { digestOfText, network, noManifestNews, seeded, shownBy } from './people.ts'

const sealingId = (world: World, node: TestNode, kind: EpochKeyKind = 'traffic'): Digest => {
  const held = node.machine.sealingKey(kind, world.now)
  if (held === undefined) throw new Error(`${node.name} has no usable ${kind} key`)
  return held.id
}

const requestFor = (
  id: Digest,
  asked: TestNode,
  changes: { removalDigest?: Uint8Array } = {},
): Uint8Array =>
  keyRequestCodec.encode({
    id: bytesOfDigest(id),
    nonce: new Uint8Array(16).fill(9),
    removalDigest: bytesOfDigest(asked.machine.removalDigest),
    ...changes,
  })

/** Asks as `from` would, without the world carrying an answer back. */
function ask(
  world: World,
  server: TestNode,
  from: TestNode,
  bytes: Uint8Array,
): readonly MembershipEffect[] {
  const input = { kind: 'asked', request: -1, from: from.id, protocol: 'key', bytes } as const
  return server.machine.step(input, world.now)
}

const announcementBy = (
  node: TestNode,
  seed: string,
  changes: Partial<SignedAnnouncement> = {},
): SignedAnnouncement => {
  const key = new Secret(bytesOfDigest(digestOfText(seed)))
  const kind = changes.kind ?? 'traffic'
  return signAnnouncement({ sign: message => node.signing.sign(message) }, network, {
    ...{ kind, id: bytesOfDigest(epochKeyId(kind, key)), creator: node.member.keys.identity },
    ...{ removalDigest: bytesOfDigest(node.machine.removalDigest), life: epochKeyLife[kind] },
    ...changes,
  })
}

const frameOf = (from: TestNode, announcements: readonly SignedAnnouncement[]): Uint8Array =>
  announceCodec.encode({
    ...{ phase: 'active', announcements, removals: [], ...noManifestNews },
    removalDigest: bytesOfDigest(from.machine.removalDigest),
    evidence: shownBy(from.member),
  })

test('a key is served only after the asker answered a step-up', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const stale = world.add('stale', { isFresh: false })
  world.run(minutes(1))
  expect(a.links.has(stale)).toBe(true)
  expect(a.gates.has(stale.id)).toBe(true)
  expect(a.machine.isMember(stale.id, world.now)).toBe(true)
  expect(a.machine.isFresh(stale.id, world.now)).toBe(false)
  expect(stale.machine.keyCounts(world.now)).toEqual({ traffic: 0, storage: 0, commit: 0 })
  const effects = ask(world, a, stale, requestFor(sealingId(world, a), a))
  expect(effects.some(({ kind }) => kind === 'answer')).toBe(false)
  world.run(seconds(10))
  expect(a.effects('refuse')).toContainEqual({ kind: 'refuse', request: -1, code: 'NOT_FRESH' })
})

test('strangers ask each other for a quote together with their hellos, and a stale one still gets no key', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const stale = world.add('stale', { isFresh: false })
  world.run(seconds(2))
  const asked = (node: TestNode, of: TestNode) =>
    node.effects('stepUp').filter(({ node: asked }) => asked === of.id)
  expect(asked(a, stale)).toContainEqual({ kind: 'stepUp', node: stale.id, purpose: 'step-up' })
  expect(asked(stale, a)).toContainEqual({ kind: 'stepUp', node: a.id, purpose: 'step-up' })
  const effects = ask(world, a, stale, requestFor(sealingId(world, a), a))
  expect(effects.some(({ kind }) => kind === 'answer')).toBe(false)
})

test('nobody pulls a key from a member that did not answer a step-up', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true, isFresh: false })
  const b = world.add('b')
  world.run(minutes(1))
  expect(a.machine.phase).toBe('active')
  expect(b.links.has(a)).toBe(true)
  expect(b.effects('ask').filter(({ protocol }) => protocol === 'key')).toEqual([])
  expect(b.machine.phase).toBe('joining')
})

test('freshness ends after the evidence age, and with it the right to a key', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  expect(a.machine.isFresh(b.id, world.now)).toBe(true)
  b.isFresh = false
  world.run(hours(1))
  expect(a.machine.isFresh(b.id, world.now)).toBe(false)
  expect(a.effects('memberGone')).toContainEqual({
    ...{ kind: 'memberGone', node: b.id, code: 'VERDICT_EXPIRED' },
  })
})

test('members step each other up again before a verdict ends, and stay members for days', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  world.run(hours(12))
  for (const node of [b, c]) {
    expect(a.machine.isMember(node.id, world.now)).toBe(true)
    expect(a.machine.isFresh(node.id, world.now)).toBe(true)
    expect(a.effects('memberGone')).toEqual([])
  }
  expect(a.effects('stepUp').some(({ purpose }) => purpose === 're-attest')).toBe(true)
})

test('a joining node serves no key, whatever it holds', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  world.run(seconds(10))
  expect(b.machine.phase).toBe('joining')
  const id = sealingId(world, b)
  const effects = ask(world, b, a, requestFor(id, b))
  expect(effects).toContainEqual({ kind: 'refuse', request: -1, code: 'NOT_ACTIVE' })
})

test('a stranger is refused, and so is a member that knows other removals', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const stranger = new World().add('stranger')
  const id = sealingId(world, a)
  expect(ask(world, a, stranger, requestFor(id, a))).toContainEqual({
    ...{ kind: 'refuse', request: -1, code: 'NOT_CONNECTED' },
  })
  const removalDigest = bytesOfDigest(digestOfText('what b claims to know'))
  const effects = ask(world, a, b, requestFor(id, a, { removalDigest }))
  expect(effects).toContainEqual({ kind: 'refuse', request: -1, code: 'REMOVALS_DIFFER' })
  // And it is asked at once what it knows.
  expect(effects.some(effect => effect.kind === 'ask' && effect.protocol === 'removals')).toBe(true)
})

test('before the removal sets are exchanged no key is served: the request waits', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const late = world.add('late')
  // Its hellos are lost, so that this member never hears which removals the newcomer knows.
  world.intercept = ({ from, to, protocol }) =>
    protocol === 'hello' && (from === late || to === late) ? 'drop' : 'pass'
  world.run(seconds(2))
  world.feed(a, { kind: 'steppedUp', node: late.id, verdict: late.member.verdict })
  expect(a.links.has(late)).toBe(true)
  expect(a.machine.isFresh(late.id, world.now)).toBe(true)
  expect(a.gates.has(late.id)).toBe(false)
  const effects = ask(world, a, late, requestFor(sealingId(world, a), a))
  expect(effects.some(({ kind }) => kind === 'answer' || kind === 'refuse')).toBe(false)
})

test('a key that is not held is refused by name', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const effects = ask(world, a, b, requestFor(digestOfText('no key'), a))
  expect(effects).toContainEqual({ kind: 'refuse', request: -1, code: 'KEY_UNKNOWN' })
})

test('a recorded grant played again is a fault and costs the connection', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const id = sealingId(world, a)
  const granted = ask(world, a, b, requestFor(id, a)).find(({ kind }) => kind === 'answer')
  if (granted?.kind !== 'answer') throw new Error('a grants')
  const late = world.add('late')
  let replays = 0
  world.run(seconds(0))
  const feed = world.feed.bind(world)
  world.feed = (node, input) => {
    const isGrant = node === late && input.kind === 'answered' && input.bytes.length > 1200
    if (!isGrant) return feed(node, input)
    replays++
    const before = keyGrantCodec.decode(input.bytes)
    const replayed = keyGrantCodec.decode(granted.bytes)
    // The old ciphertexts under the id that was asked for now.
    return feed(node, {
      ...input,
      bytes: keyGrantCodec.encode({ ...replayed, announcement: before.announcement }),
    })
  }
  world.run(seconds(5))
  expect(replays).toBeGreaterThan(0)
  expect(late.machine.keyCounts(world.now)).toEqual({ traffic: 0, storage: 0, commit: 0 })
  expect(late.effects('faulted').map(({ code }) => code)).toContain('GRANT_FORGED')
})

test('a key granted under removals that are not known here is dropped, and the removals are asked for', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const announcement = announcementBy(b, 'a key of b')
  world.intercept = ({ protocol }) => (protocol === 'key' ? 'drop' : 'pass')
  const told = world.feed(a, { kind: 'told', from: b.id, bytes: frameOf(b, [announcement]) })
  const asked = told.find(effect => effect.kind === 'ask')
  if (asked?.kind !== 'ask') throw new Error('a asks b')
  const grant = grantKey(
    { network, server: b.id, asker: a.id, request: keyRequestCodec.decode(asked.bytes) },
    {
      announcement,
      removalDigest: bytesOfDigest(digestOfText('more than you know')),
      lifeLeft: 1_000_000,
      key: new Secret(bytesOfDigest(digestOfText('a key of b'))),
    },
    { kemKey: a.member.keys.kem, random: seeded('b') },
  )
  if (grant === undefined) throw new Error('the KEM key of a is well-formed')
  const bytes = keyGrantCodec.encode(grant)
  const effects = world.feed(a, { kind: 'answered', ask: asked.ask, bytes })
  expect(a.machine.openingKey(digestOf(announcement.id), world.now)).toBeUndefined()
  const asks = effects.flatMap(effect => (effect.kind === 'ask' ? [effect.protocol] : []))
  expect(asks).toEqual(['removals'])
})

test('a creator that announces a flood of keys finds room for two, and nobody passes the rest on', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  const flood = Array.from({ length: 20 }, (_, i) => announcementBy(b, `flood ${i}`))
  const sealed = sealingId(world, a)
  world.feed(a, { kind: 'told', from: b.id, bytes: frameOf(b, flood) })
  world.run(seconds(40))
  const asked = a.effects('ask').filter(({ protocol, node }) => protocol === 'key' && node === b.id)
  const ids = asked.map(({ bytes }) => digestOf(keyRequestCodec.decode(bytes).id))
  expect(new Set(ids).size).toBeLessThanOrEqual(2)
  expect(a.machine.keyCounts(world.now).traffic).toBe(1)
  expect(sealingId(world, a)).toBe(sealed)
  const told = a.effects('tell').filter(({ node }) => node === c.id)
  const passedOn = told.flatMap(({ bytes }) => announceCodec.decode(bytes).announcements)
  const flooded = new Set(flood.map(({ id }) => digestOf(id)))
  expect(passedOn.filter(({ id }) => flooded.has(digestOf(id)))).toEqual([])
})

test('a forged announcement costs its bearer the connection', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const forged = { ...announcementBy(b, 'mine'), life: 1000 }
  const effects = world.feed(a, { kind: 'told', from: b.id, bytes: frameOf(b, [forged]) })
  expect(effects).toContainEqual({ kind: 'faulted', node: b.id, code: 'BAD_ANNOUNCEMENT' })
})

test('a stale announcement, of an older removal set, starts nothing', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const removalDigest = bytesOfDigest(digestOfText('long ago'))
  const stale = announcementBy(b, 'stale', { removalDigest })
  const before = a.effects('ask').length
  world.feed(a, { kind: 'told', from: b.id, bytes: frameOf(b, [stale]) })
  world.run(seconds(5))
  expect(a.effects('ask')).toHaveLength(before)
})

test('announcements wait until the removals of their bearer are known', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const removalDigest = bytesOfDigest(digestOfText('more than you know'))
  const frame = announceCodec.encode({
    ...{ phase: 'active', removals: [], removalDigest, ...noManifestNews },
    announcements: [announcementBy(b, 'new', { removalDigest })],
    evidence: shownBy(b.member),
  })
  const effects = world.feed(a, { kind: 'told', from: b.id, bytes: frame })
  const asks = effects.flatMap(effect => (effect.kind === 'ask' ? [effect.protocol] : []))
  expect(asks).toEqual(['removals'])
})

test('rotation: before a key stops sealing there is no gap longer than a pull, and all agree again', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c', 'd'])
  const first = sealingId(world, nodes[0] as TestNode)
  world.run(((epochKeyLife.traffic ?? 0) / 2) as ReturnType<typeof hours>)
  world.run(seconds(5))
  const second = sealingId(world, nodes[0] as TestNode)
  expect(second).not.toBe(first)
  for (const node of nodes) {
    expect(sealingId(world, node)).toBe(second)
    // What was sealed just before the rotation still opens.
    expect(node.machine.openingKey(first, world.now)).toBeDefined()
  }
  world.run(((epochKeyLife.traffic ?? 0) / 2) as ReturnType<typeof hours>)
  for (const node of nodes) expect(node.machine.openingKey(first, world.now)).toBeUndefined()
})

test('when keys are missing the first by rank makes them and the others pull', () => {
  const world = new World({ latencyMax: 10 })
  const nodes = network3(world, ['a', 'b', 'c', 'd', 'e'])
  const [first] = nodes.toSorted((left, right) => (left.id < right.id ? -1 : 1)) as [TestNode]
  for (const node of nodes) world.tellLiveness(node, 'alive')
  world.run(((epochKeyLife.traffic ?? 0) / 2 + 5000) as ReturnType<typeof hours>)
  const id = sealingId(world, first)
  const told = nodes.flatMap(node =>
    node
      .effects('tell')
      .flatMap(({ bytes }) => announceCodec.decode(bytes).announcements)
      .filter(announcement => announcement.kind === 'traffic' && digestOf(announcement.id) === id),
  )
  expect(told.length).toBeGreaterThan(0)
  for (const { creator } of told) expect(creator).toEqual(first.member.keys.identity)
})

test('a dead first rank delays the next key by less than a second', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c'])
  const [first, ...rest] = nodes.toSorted((left, right) => (left.id < right.id ? -1 : 1)) as [
    TestNode,
    ...TestNode[],
  ]
  world.run(((epochKeyLife.traffic ?? 0) / 2 - 20_000) as ReturnType<typeof hours>)
  world.kill(first)
  world.run(seconds(21))
  const ids = rest.map(node => sealingId(world, node))
  expect(new Set(ids).size).toBe(1)
})

test('partitions keep working: both halves have keys, and after the heal all open all and seal alike', () => {
  const world = new World({ seed: 'halves' })
  const nodes = network3(world, ['a', 'b', 'c', 'd'])
  const [a, b, c, d] = nodes as [TestNode, TestNode, TestNode, TestNode]
  world.partition([a, b], [c, d])
  world.run(((epochKeyLife.traffic ?? 0) / 2 + 5000) as ReturnType<typeof hours>)
  const [left, right] = [sealingId(world, a), sealingId(world, c)]
  expect(left).not.toBe(right)
  world.heal()
  world.run(seconds(10))
  const sealing = nodes.map(node => sealingId(world, node))
  expect(new Set(sealing)).toEqual(new Set([[left, right].toSorted()[0]]))
  for (const node of nodes) {
    expect(node.machine.openingKey(left, world.now)).toBeDefined()
    expect(node.machine.openingKey(right, world.now)).toBeDefined()
  }
})

test('a message under an unknown key makes the key be pulled from whoever handed the message on', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  world.run(((epochKeyLife.traffic ?? 0) / 2 + 1000) as ReturnType<typeof hours>)
  const late = world.add('late')
  world.run(seconds(10))
  world.sync(late, a)
  world.run(seconds(2))
  const old = a.effects('keysChanged')[0]?.added.find(({ kind }) => kind === 'traffic')?.id
  if (old === undefined) throw new Error('a made a key')
  expect(late.machine.openingKey(old, world.now)).toBeUndefined()
  world.feed(late, { kind: 'unknownKey', id: old, from: b.id })
  world.run(seconds(2))
  expect(late.machine.openingKey(old, world.now)).toBeDefined()
  expect(late.machine.sealingKey('traffic', world.now)?.id).toBe(sealingId(world, a))
})

test('a slow link does not lengthen a life: no holder opens for longer than the creator', () => {
  const world = new World({ latencyMax: 2000 })
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  world.run(minutes(1))
  const made = a.log.find(({ effect }) => effect.kind === 'keysChanged')
  if (made?.effect.kind !== 'keysChanged') throw new Error('a made keys')
  const id = made.effect.added.find(({ kind }) => kind === 'traffic')?.id as Digest
  const end = (made.at + (epochKeyLife.traffic ?? 0)) as Instant
  expect(a.machine.openingKey(id, (end - 1) as Instant)).toBeDefined()
  expect(a.machine.openingKey(id, end)).toBeUndefined()
  expect(b.machine.openingKey(id, (end - 10_000) as Instant)).toBeDefined()
  expect(b.machine.openingKey(id, end)).toBeUndefined()
})

test('stopping wipes every key', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const held = epochKeyKinds.map(kind => a.machine.sealingKey(kind, world.now))
  a.machine[Symbol.dispose]()
  for (const one of held) expect(one?.key.isWiped).toBe(true)
  expect(a.machine.sealingKey('traffic', world.now as Instant)).toBeUndefined()
})
