import { expect, test } from 'vitest'
import { nodeIdOfKey } from '../../../../src/base/ids.ts'
import { seconds } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import type { MembershipInput } from '../../../../src/protocol/membership/types.ts'
import {
  type MemberRecord,
  possessionMessage,
  recordAnswerCodec,
} from '../../../../src/wire/member-record.ts'
import { network3, type TestNode, World } from './harness.ts'
import { certificate, type NodeSetup, network, renewedEvidence } from './people.ts'

/** a and c are members of b and cannot reach each other. */
function line(setup: NodeSetup = {}): { world: World; a: TestNode; b: TestNode; c: TestNode } {
  const world = new World()
  const [a, b] = network3(world, ['a', 'b']) as [TestNode, TestNode]
  world.canReach = (left, right) => left === b || right === b
  const c = world.add('c', setup)
  world.run(seconds(3))
  expect(a.links.has(c)).toBe(false)
  return { world, a, b, c }
}

/** Changes what `node` gets as an answer to its record ask. */
function tamper(
  world: World,
  node: TestNode,
  change: (record: MemberRecord) => MemberRecord,
): void {
  const feed = world.feed.bind(world)
  world.feed = (to, input: MembershipInput) => {
    if (to !== node || input.kind !== 'answered') return feed(to, input)
    const decoded = recordOf(input.bytes)
    if (decoded === undefined) return feed(to, input)
    return feed(to, { ...input, bytes: recordAnswerCodec.encode({ record: change(decoded) }) })
  }
}

function recordOf(bytes: Uint8Array): MemberRecord | undefined {
  try {
    return recordAnswerCodec.decode(bytes).record ?? undefined
  } catch {
    // Another family's answer.
    return undefined
  }
}

test('the author of a message is known by a record from whoever handed the message on', () => {
  const { world, a, b, c } = line()
  expect(a.machine.isMember(c.id, world.now)).toBe(false)
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
  world.run(seconds(1))
  expect(a.machine.isMember(c.id, world.now)).toBe(true)
  expect(a.effects('memberAdded')).toContainEqual({ kind: 'memberAdded', node: c.id })
  // Known is not fresh: no key and no state on the strength of a record.
  expect(a.machine.isFresh(c.id, world.now)).toBe(false)
})

test('an author that is known already is said to be so at once', () => {
  const { world, a, b } = line()
  const effects = world.feed(a, { kind: 'unknownAuthor', author: b.id, from: b.id })
  expect(effects).toContainEqual({ kind: 'memberAdded', node: b.id })
})

test('a record with a wrong possession signature is a fault of whoever gave it', () => {
  const { world, a, b, c } = line()
  tamper(world, a, record => ({ ...record, possession: record.possession.map(byte => byte ^ 1) }))
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
  world.run(seconds(1))
  expect(a.machine.isMember(c.id, world.now)).toBe(false)
  expect(a.effects('faulted')).toContainEqual({
    ...{ kind: 'faulted', node: b.id, code: 'BAD_RECORD' },
  })
})

test('a record of another identity, or with other keys or evidence than were signed, is a fault', () => {
  const changes: ((record: MemberRecord, b: TestNode) => MemberRecord)[] = [
    (record, b) => ({ ...record, keys: b.member.keys, evidence: b.member.evidence }),
    (record, b) => ({ ...record, keys: { ...record.keys, kem: b.member.keys.kem } }),
    (record, b) => ({ ...record, keys: { ...record.keys, noise: b.member.keys.noise } }),
    (record, b) => ({ ...record, evidence: b.member.evidence }),
  ]
  for (const change of changes) {
    const { world, a, b, c } = line()
    tamper(world, a, record => change(record, b))
    world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
    world.run(seconds(1))
    expect(a.machine.isMember(c.id, world.now)).toBe(false)
    expect(a.effects('faulted').map(({ code }) => code)).toContain('BAD_RECORD')
  }
})

test('a record whose evidence is not trusted makes no member', () => {
  const { world, a, b, c } = line({ measurement: 'app 2' })
  world.appraise = () => ({ kind: 'refused', code: 'MEASUREMENT_UNKNOWN', facts: {} })
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
  world.run(seconds(1))
  expect(a.machine.isMember(c.id, world.now)).toBe(false)
  expect(a.events()).toContain('RECORD_REFUSED')
})

test('whoever is handed evidence that has ended asks another neighbour for newer evidence', () => {
  const world = new World()
  const [a, b, d] = network3(world, ['a', 'b', 'd']) as [TestNode, TestNode, TestNode]
  world.canReach = (left, right) => left !== a && right !== a
  const c = world.add('c')
  world.run(seconds(3))
  const old = renewedEvidence(c.member, world.wallOffset + world.now - 1)
  const possession = c.signing.sign(possessionMessage(network, c.member.keys, old))
  // What b hands out of c is from long ago; d has the newest.
  const feed = world.feed.bind(world)
  let isFirst = true
  world.feed = (to, input: MembershipInput) => {
    if (to !== a || input.kind !== 'answered' || !isFirst) return feed(to, input)
    if (recordOf(input.bytes) === undefined) return feed(to, input)
    isFirst = false
    const record = { keys: c.member.keys, evidence: old, possession }
    return feed(to, { ...input, bytes: recordAnswerCodec.encode({ record }) })
  }
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
  world.run(seconds(2))
  expect(a.events()).toContain('RECORD_REFUSED')
  expect(isFirst).toBe(false)
  expect(
    a.effects('ask').filter(({ node, protocol }) => node === d.id && protocol === 'record'),
  ).toHaveLength(1)
  expect(a.machine.member(c.id, world.now)?.evidence).toEqual(c.member.evidence)
})

test('an author that nobody knows is asked for a few times and then left alone', () => {
  const { world, a, b } = line()
  const stranger = new World().add('stranger')
  const asksFor = (): number =>
    a.effects('ask').filter(({ protocol }) => protocol === 'record').length
  for (let i = 0; i < 50; i++) {
    world.feed(a, { kind: 'unknownAuthor', author: stranger.id, from: b.id })
  }
  world.run(seconds(5))
  expect(asksFor()).toBe(1)
  expect(a.machine.isMember(stranger.id, world.now)).toBe(false)
  world.feed(a, { kind: 'unknownAuthor', author: stranger.id, from: b.id })
  expect(asksFor()).toBe(1)
  world.run(seconds(10))
  world.feed(a, { kind: 'unknownAuthor', author: stranger.id, from: b.id })
  expect(asksFor()).toBe(2)
})

test('authors that one neighbour makes up by the hundred do not keep one that another names from being asked for', () => {
  const world = new World()
  const [a, b, d] = network3(world, ['a', 'b', 'd']) as [TestNode, TestNode, TestNode]
  world.canReach = (left, right) => left !== a && right !== a
  const c = world.add('c')
  world.run(seconds(3))
  expect(a.links.has(c)).toBe(false)
  for (let i = 0; i < 300; i++) {
    const madeUp = nodeIdOfKey(sha256(Uint8Array.of(i, i >> 8)))
    world.feed(a, { kind: 'unknownAuthor', author: madeUp, from: b.id })
  }
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: d.id })
  world.run(seconds(1))
  expect(a.machine.isMember(c.id, world.now)).toBe(true)
})

test('a removed author is not asked for', () => {
  const { world, a, b, c } = line()
  const claim = { scope: 'identity', subject: c.member.keys.identity } as const
  world.feed(a, { kind: 'removalItems', items: [certificate(claim)] })
  const before = a.effects('ask').length
  world.feed(a, { kind: 'unknownAuthor', author: c.id, from: b.id })
  expect(a.effects('ask')).toHaveLength(before)
})
