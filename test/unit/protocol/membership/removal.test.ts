/** What "removed" promises: out everywhere, no next key, reads nothing, never back. */
import { expect, test } from 'vitest'
import { bytesOfDigest, type Digest, keyOfNodeId } from '../../../../src/base/ids.ts'
import { hours, minutes, seconds } from '../../../../src/base/time.ts'
import { epochKeyKinds, keyRequestCodec } from '../../../../src/wire/epoch-key.ts'
import type { RemovalClaim } from '../../../../src/wire/removal.ts'
import { network3, type TestNode, World } from './harness.ts'
import { certificate, contradiction, signedBeat } from './people.ts'

const claimOn = (node: TestNode): RemovalClaim => ({
  scope: 'identity',
  subject: keyOfNodeId(node.id),
})

/** The keys that a node would seal under now, of every kind. */
function sealingIds(world: World, node: TestNode): readonly Digest[] {
  return epochKeyKinds.flatMap(kind => node.machine.sealingKey(kind, world.now)?.id ?? [])
}

/** What the acceptance line says of a removed node, against everybody who knows of the removal. */
function expectRemoved(world: World, removed: TestNode, others: readonly TestNode[]): void {
  for (const node of others) {
    expect(node.links.has(removed)).toBe(false)
    expect(node.machine.isMember(removed.id, world.now)).toBe(false)
    expect(node.machine.isFresh(removed.id, world.now)).toBe(false)
    expect(node.machine.barred(removed.id)?.code).toBe('REMOVED')
    const sealing = sealingIds(world, node)
    expect(sealing).toHaveLength(epochKeyKinds.length)
    for (const id of sealing) expect(removed.machine.openingKey(id, world.now)).toBeUndefined()
  }
  const digests = new Set(others.map(({ machine }) => machine.removalDigest))
  expect(digests.size).toBe(1)
}

function remove(node: TestNode, world: World, item: Uint8Array): void {
  const effects = world.feed(node, { kind: 'removalItems', items: [item] })
  expect(effects).toContainEqual({ kind: 'removalsJudged', added: 1, refused: [] })
}

test('a removed identity is disconnected everywhere, gets no next key and never returns', () => {
  const world = new World()
  const [a, b, c, d] = network3(world, ['a', 'b', 'c', 'd']) as [
    TestNode,
    TestNode,
    TestNode,
    TestNode,
  ]
  const before = sealingIds(world, a)
  remove(b, world, certificate(claimOn(d)))
  world.run(seconds(3))
  expectRemoved(world, d, [a, b, c])
  for (const id of sealingIds(world, a)) expect(before).not.toContain(id)
  expect(a.effects('memberGone')).toContainEqual({
    kind: 'memberGone',
    node: d.id,
    code: 'REMOVED',
  })
  world.run(hours(5))
  expectRemoved(world, d, [a, b, c])
})

test('a removed node that learns of it wipes its keys, keeps no connection and says so', () => {
  const world = new World()
  const [a, , c] = network3(world) as [TestNode, TestNode, TestNode]
  const held = c.machine.sealingKey('traffic', world.now)
  world.feed(c, { kind: 'removalItems', items: [certificate(claimOn(c))] })
  expect(c.machine.phase).toBe('removed')
  expect(c.machine.next).toContain('removed')
  expect(held?.key.isWiped).toBe(true)
  world.run(seconds(2))
  expect(c.links.size).toBe(0)
  expect(a.machine.barred(c.id)?.code).toBe('REMOVED')
})

test('an instance is removed with every identity on it, also one that comes later', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const first = world.add('first', { instance: 'bad machine' })
  world.run(seconds(3))
  expect(a.links.has(first)).toBe(true)
  const { instance } = first.member.verdict
  remove(a, world, certificate({ scope: 'instance', subject: bytesOfDigest(instance) }))
  const second = world.add('second', { instance: 'bad machine' })
  world.run(seconds(5))
  expect(a.links.has(first)).toBe(false)
  expect(a.links.has(second)).toBe(false)
  expect(a.machine.admissible(second.id, second.member.verdict, world.now)?.code).toBe('REMOVED')
})

test('a measurement is removed with everything that runs it', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const old = world.add('old', { measurement: 'app 2' })
  world.run(seconds(3))
  expect(a.links.has(old)).toBe(true)
  const subject = new TextEncoder().encode('app 2')
  remove(a, world, certificate({ scope: 'measurement', subject }))
  world.run(seconds(3))
  expect(a.links.has(old)).toBe(false)
  expect(a.machine.phase).toBe('active')
})

test('two beats under one number remove their author everywhere', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  const first = signedBeat(c.signing, { sequence: 7, payload: 'one' })
  const second = signedBeat(c.signing, { sequence: 7, payload: 'two' })
  world.feed(a, { kind: 'contradicted', of: 'beats', author: c.id, first, second })
  world.run(seconds(3))
  expectRemoved(world, c, [a, b])
})

test('a removed node that still knows the way is refused the next key of each kind', () => {
  const world = new World()
  const [a, b, c] = network3(world) as [TestNode, TestNode, TestNode]
  world.intercept = ({ to }) => (to === c ? 'drop' : 'pass')
  remove(a, world, certificate(claimOn(c)))
  world.run(seconds(1))
  for (const node of [a, b]) {
    for (const id of sealingIds(world, node)) {
      const bytes = keyRequestCodec.encode({
        id: bytesOfDigest(id),
        nonce: new Uint8Array(16),
        removalDigest: bytesOfDigest(node.machine.removalDigest),
      })
      const request = -1
      const effects = node.machine.step(
        { kind: 'asked', request, from: c.id, protocol: 'key', bytes },
        world.now,
      )
      expect(effects).toContainEqual({ kind: 'refuse', request, code: 'REMOVED' })
      expect(effects.some(({ kind }) => kind === 'answer')).toBe(false)
    }
  }
})

test('a removal made in one half of a partition reaches the other half before any gossip or key', () => {
  const world = new World()
  const nodes = network3(world, ['a', 'b', 'c', 'd', 'e']) as TestNode[]
  const [a, b, c, d, e] = nodes as [TestNode, TestNode, TestNode, TestNode, TestNode]
  world.partition([a, b], [c, d, e])
  remove(a, world, certificate(claimOn(e)))
  world.run(minutes(1))
  expect(c.links.has(e)).toBe(true)
  const newKeys = sealingIds(world, a)
  for (const id of newKeys) expect(e.machine.openingKey(id, world.now)).toBeUndefined()
  const learned: string[] = []
  world.intercept = ({ from, to, protocol }) => {
    if (protocol === 'key') {
      learned.push(`${to.machine.removalCount}${from.machine.removalCount}`)
    }
    return 'pass'
  }
  const healedAt = world.now
  world.heal()
  world.run(minutes(1))
  expectRemoved(world, e, [a, b, c, d])
  // Whoever asks for a key, and whoever is asked, knows the removal by then.
  expect(learned.length).toBeGreaterThan(0)
  expect(new Set(learned)).toEqual(new Set(['11']))
  for (const node of [c, d]) {
    const grewAt = node.log.findIndex(
      ({ at, effect }) => at >= healedAt && effect.kind === 'removalsGrew',
    )
    const gateAt = node.log.findIndex(
      ({ at, effect }) => at >= healedAt && effect.kind === 'openGate',
    )
    expect(grewAt).toBeGreaterThan(-1)
    expect(grewAt).toBeLessThan(gateAt)
  }
})

test('two halves that each removed somebody end with both removals and one digest', () => {
  const world = new World({ seed: 'both' })
  const nodes = network3(world, ['a', 'b', 'c', 'd', 'e', 'f']) as TestNode[]
  const [a, b, c, d, e, f] = nodes as [TestNode, TestNode, TestNode, TestNode, TestNode, TestNode]
  world.partition([a, b, e], [c, d, f])
  remove(a, world, certificate(claimOn(f)))
  remove(c, world, certificate(claimOn(e)))
  world.run(seconds(10))
  world.heal()
  world.run(seconds(20))
  for (const node of [a, b, c, d]) expect(node.machine.removalCount).toBe(2)
  expectRemoved(world, e, [a, b, c, d])
  expectRemoved(world, f, [a, b, c, d])
})

test('a member that missed a removal learns of it at its next hello, before its gate opens', () => {
  const world = new World()
  const [a, b, c, d] = network3(world, ['a', 'b', 'c', 'd']) as [
    TestNode,
    TestNode,
    TestNode,
    TestNode,
  ]
  world.partition([a, b, d], [c])
  remove(a, world, certificate(claimOn(d)))
  world.run(seconds(5))
  world.kill(d)
  world.heal()
  world.run(seconds(5))
  expectRemoved(world, d, [a, b, c])
})

test('a removal whose push is lost is fetched when a digest shows it', () => {
  const world = new World()
  const [a, b, c, d] = network3(world, ['a', 'b', 'c', 'd']) as [
    TestNode,
    TestNode,
    TestNode,
    TestNode,
  ]
  let lost = 0
  world.intercept = ({ to, protocol }) => {
    const isLost = to === c && protocol === 'announce' && lost < 2
    if (isLost) lost++
    return isLost ? 'drop' : 'pass'
  }
  remove(a, world, certificate(claimOn(d)))
  world.run(seconds(10))
  expect(lost).toBe(2)
  expectRemoved(world, d, [a, b, c])
})

test('two founders that meet learn of the removals of both, and the removed joins neither', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b', { isFounder: true })
  const c = world.add('c')
  world.partition([a, c], [b])
  world.run(seconds(8))
  world.sync(c, a)
  world.run(seconds(2))
  expect([a, b, c].map(({ machine }) => machine.phase)).toEqual(['active', 'active', 'active'])
  remove(b, world, certificate(claimOn(c)))
  world.heal()
  world.run(seconds(10))
  expectRemoved(world, c, [a, b])
})

test('a removed identity does not come back after every connection was closed and its verdict renewed', () => {
  const world = new World()
  const [a, , c] = network3(world) as [TestNode, TestNode, TestNode]
  remove(a, world, certificate(claimOn(c)))
  world.run(seconds(2))
  const effects = world.feed(a, { kind: 'connected', member: c.member })
  expect(effects).toContainEqual({ kind: 'disconnect', node: c.id, code: 'REMOVED' })
  expect(effects.some(({ kind }) => kind === 'ask' || kind === 'openGate')).toBe(false)
  world.feed(a, { kind: 'steppedUp', node: c.id, verdict: c.member.verdict })
  expect(a.machine.isMember(c.id, world.now)).toBe(false)
})

test('contradicting beats of an author that nobody knows are refused at the own door', () => {
  const world = new World()
  const [a] = network3(world) as [TestNode]
  const stranger = new World().add('stranger')
  const item = contradiction(stranger.signing)
  const digest = a.machine.removalDigest
  const effects = world.feed(a, { kind: 'removalItems', items: [item] })
  expect(effects).toContainEqual({
    kind: 'removalsJudged',
    added: 0,
    refused: [{ code: 'REMOVAL_UNKNOWN_AUTHOR', facts: { author: stranger.id } }],
  })
  expect(a.machine.removalDigest).toBe(digest)
})
