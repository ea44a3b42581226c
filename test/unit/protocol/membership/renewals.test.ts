/** Newer evidence of an identity that is known: who takes it, from whom, and how often anybody looks. */
import { expect, test } from 'vitest'
import { keyOfNodeId } from '../../../../src/base/ids.ts'
import { hours, milliseconds, minutes, seconds } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import { type Evidence, evidenceDigest } from '../../../../src/wire/evidence.ts'
import {
  type MemberRecord,
  possessionMessage,
  recordAnswerCodec,
  recordRequestCodec,
} from '../../../../src/wire/member-record.ts'
import { type TestNode, World } from './harness.ts'
import { network, renewedEvidence } from './people.ts'

const names = ['a', 'b', 'c'] as const

const endingIn = (world: World, node: TestNode, span: number): Evidence =>
  renewedEvidence(node.member, world.wallOffset + world.now + span)
const heldBy = (world: World, holder: TestNode, of: TestNode) =>
  holder.machine.member(of.id, world.now)?.evidence
const looks = (node: TestNode): number =>
  node.effects('ask').filter(({ protocol }) => protocol === 'record').length
const goneAt = (node: TestNode, of: TestNode) =>
  node.effects('memberGone').filter(({ node: gone }) => gone === of.id)

/** The record of `author` that `node` hands out. */
function handedOut(world: World, node: TestNode, author: TestNode): MemberRecord | null {
  const bytes = recordRequestCodec.encode({ identity: keyOfNodeId(author.id) })
  const from = [...node.links][0]
  if (from === undefined) throw new Error('somebody must ask')
  const effects = world.feed(node, {
    ...{ kind: 'asked', request: -1, from: from.id, protocol: 'record', bytes },
  })
  const answer = effects.find(effect => effect.kind === 'answer')
  if (answer?.kind !== 'answer') throw new Error('a record request is answered')
  return recordAnswerCodec.decode(answer.bytes).record
}

/** Evidence whose ends the test names: what was made at boot ends first. */
function renewable(): { world: World; a: TestNode; b: TestNode; first: Evidence } {
  const world = new World()
  const nodes = names.map((name, i) => world.add(name, { isFounder: i === 0 }))
  const [a, b] = nodes as [TestNode, TestNode]
  const first = renewedEvidence(a.member, world.wallOffset + hours(3))
  world.renew(a, first)
  world.run(seconds(8))
  for (const node of nodes.slice(1)) world.sync(node, a)
  world.run(seconds(8))
  expect(heldBy(world, b, a)).toEqual(first)
  return { world, a, b, first }
}

test('neighbours fetch newer evidence once, keep the connection and its freshness, and hand the new record on', () => {
  const { world, a, b, first } = renewable()
  const c = world.nodes[2] as TestNode
  const before = [b, c].map(looks)
  const later = endingIn(world, a, hours(6))
  world.renew(a, later)
  world.run(minutes(3))
  for (const [i, each] of [b, c].entries()) {
    expect(heldBy(world, each, a)).toEqual(later)
    expect(looks(each)).toBe((before[i] ?? 0) + 1)
    expect(each.machine.isFresh(a.id, world.now)).toBe(true)
    expect(goneAt(each, a)).toEqual([])
    expect(each.links.has(a)).toBe(true)
    expect(handedOut(world, each, a)?.evidence).toEqual(later)
  }
  // What ends sooner is older, even if its owner shows it.
  world.renew(a, first)
  world.run(minutes(3))
  for (const each of [b, c]) {
    expect(heldBy(world, each, a)).toEqual(later)
    expect(handedOut(world, each, a)?.evidence).toEqual(later)
    expect(goneAt(each, a)).toEqual([])
  }
})

test('newer evidence does not prolong a verdict: without step-ups it lapses when it would have', () => {
  const { world, a, b } = renewable()
  const until = b.machine.member(a.id, world.now)?.expiresAt ?? 0
  a.isFresh = false
  world.renew(a, endingIn(world, a, hours(6)))
  world.run(minutes(2))
  expect(b.machine.member(a.id, world.now)?.expiresAt).toBeLessThanOrEqual(until)
  world.run((until - world.now) as never)
  expect(b.machine.isMember(a.id, world.now)).toBe(false)
})

test('a newcomer and the next manifest find the newest evidence at all, after the first has ended', () => {
  const { world, a, b } = renewable()
  world.run(hours(2))
  const newest = endingIn(world, a, hours(3))
  world.renew(a, newest)
  world.run(hours(2))
  const late = world.add('late')
  world.run(seconds(10))
  expect(heldBy(world, late, a)).toEqual(newest)
  world.govern(b, { ...world.manifest, nonce: 2 })
  expect(goneAt(b, a)).toEqual([])
  expect(b.machine.isMember(a.id, world.now)).toBe(true)
})

test('evidence of another machine drops the member, and its own is remembered when it comes back', () => {
  const { world, a, b } = renewable()
  const endsAt = world.wallOffset + world.now + hours(9)
  world.renew(a, renewedEvidence(a.member, endsAt, { instance: 'another machine' }))
  world.run(milliseconds(500))
  expect(goneAt(b, a)).toContainEqual({ kind: 'memberGone', node: a.id, code: 'RE_ATTEST_REFUSED' })
  expect(b.events()).toContain('INSTANCE_MISMATCH')
  world.run(seconds(10))
  expect(b.links.has(a)).toBe(false)
  expect(b.machine.admissible(a.id, world.appraise(a.shown) as never, world.now)?.code).toBe(
    'INSTANCE_MISMATCH',
  )
  a.shown = a.member.evidence
  world.run(seconds(10))
  expect(b.links.has(a)).toBe(true)
})

/** Changes what `node` gets as an answer to its next looks. */
function answering(world: World, node: TestNode, change: (record: MemberRecord) => MemberRecord) {
  const feed = world.feed.bind(world)
  world.feed = (to, input) => {
    if (to !== node || input.kind !== 'answered') return feed(to, input)
    const { record } = recordAnswerCodec.decode(input.bytes)
    if (record === null) return feed(to, input)
    return feed(to, { ...input, bytes: recordAnswerCodec.encode({ record: change(record) }) })
  }
}

test('a record that its owner signed over other keys drops the member', () => {
  const { world, a, b } = renewable()
  answering(world, b, ({ keys, evidence }) => {
    const others = { ...keys, noise: sha256(keys.noise) }
    const possession = a.signing.sign(possessionMessage(network, others, evidence))
    return { keys: others, evidence, possession }
  })
  world.renew(a, endingIn(world, a, hours(6)))
  world.run(seconds(1))
  expect(goneAt(b, a)).toContainEqual({ kind: 'memberGone', node: a.id, code: 'RE_ATTEST_REFUSED' })
  expect(b.events()).toContain('KEYS_MISMATCH')
})

test.each(['evidence of another node', 'evidence that was not signed for'] as const)(
  '%s is a fault of whoever answers with it',
  which => {
    const { world, a, b } = renewable()
    const [, , c] = world.nodes as [TestNode, TestNode, TestNode]
    answering(world, b, record => ({
      ...record,
      ...(which === 'evidence of another node'
        ? { keys: c.member.keys, evidence: c.member.evidence }
        : { evidence: endingIn(world, a, hours(8)) }),
    }))
    const held = heldBy(world, b, a)
    world.renew(a, endingIn(world, a, hours(6)))
    world.run(milliseconds(300))
    expect(b.effects('faulted')).toContainEqual({
      ...{ kind: 'faulted', node: a.id, code: 'BAD_RECORD' },
    })
    expect(heldBy(world, b, a)).toEqual(held)
  },
)

/** Counts what is verified of `of` from now on. */
function counting(world: World, of: TestNode): () => number {
  const own = Buffer.from(of.member.keys.identity).toString('hex')
  let count = 0
  const appraise = world.appraise.bind(world)
  world.appraise = evidence => {
    if (Buffer.from(evidence.body).toString().includes(own)) count++
    return appraise(evidence)
  }
  return () => count
}

test('a neighbour that shows other evidence every second is looked at once a minute, also over reconnects', () => {
  const { world, a, b } = renewable()
  const before = looks(b)
  for (let i = 0; i < 20 * 60; i++) {
    world.renew(a, endingIn(world, a, hours(6) + i))
    world.run(seconds(1))
    if (i % 100 === 99) world.unlink(a, b)
  }
  expect(looks(b) - before).toBeLessThanOrEqual(21)
  expect(looks(b) - before).toBeGreaterThan(10)
})

test('a neighbour that flips between two pieces of evidence makes others verify ever more seldom', () => {
  const { world, a, b, first } = renewable()
  const second = endingIn(world, a, hours(6))
  const verified = counting(world, a)
  for (let i = 0; i < 60 * 60; i += 5) {
    world.renew(a, i % 10 === 0 ? second : first)
    world.run(seconds(5))
  }
  expect(heldBy(world, b, a)).toEqual(second)
  // Two neighbours, an hour: the one that is newer once each, the older at 1, 2, 4, 8, 16 and 16 minutes at most; one more for each step-up.
  const stepUps = [b, world.nodes[2] as TestNode].flatMap(node => node.effects('stepUp')).length
  expect(verified()).toBeLessThanOrEqual(2 * 8 + stepUps)
  expect(evidenceDigest(heldBy(world, b, a) ?? first)).toBe(evidenceDigest(second))
})

test('who answers looks with nothing is asked ever more seldom', () => {
  const { world, a, b } = renewable()
  world.intercept = ({ from, to, protocol }) =>
    from === b && to === a && protocol === 'record' ? 'drop' : 'pass'
  const before = looks(b)
  world.renew(a, endingIn(world, a, hours(6)))
  world.run(minutes(60))
  expect(looks(b) - before).toBeGreaterThan(3)
  expect(looks(b) - before).toBeLessThanOrEqual(7)
})
