/** Freshness is asked for in one place, and doubt ends in a fresh quote or in the end of the connection. */
import { expect, test } from 'vitest'
import { utf8 } from '../../../../src/base/bytes.ts'
import { digestOf } from '../../../../src/base/ids.ts'
import { minutes, seconds } from '../../../../src/base/time.ts'
import { sha256 } from '../../../../src/crypto/hash.ts'
import type { MembershipEffect } from '../../../../src/protocol/membership/types.ts'
import { network3, type TestNode, World } from './harness.ts'

interface Pair {
  readonly world: World
  readonly judge: TestNode
  readonly other: TestNode
}

/** Three members; `judge` and `other` are connected and fresh to each other. */
function network(): Pair {
  const world = new World()
  const [judge, other] = network3(world) as [TestNode, TestNode]
  expect(judge.machine.isFresh(other.id, world.now)).toBe(true)
  return { world, judge, other }
}

/** Lets the freshness of `other` run out without an answer. */
function stale({ world, judge, other }: Pair): void {
  world.run(seconds(6))
  judge.machine.step({ kind: 'suspected', node: other.id, code: 'BAD_FRAME' }, world.now)
  judge.machine.step(
    { kind: 'stepUpFailed', node: other.id, code: 'ASK_TIMEOUT', how: 'unanswered' },
    world.now,
  )
}

const kinds = (effects: readonly MembershipEffect[]): readonly string[] =>
  effects.map(({ kind }) => kind)

test('whoever needs a fresh member is answered at once, and asks for no quote', () => {
  const { world, judge, other } = network()
  const effects = judge.machine.step({ kind: 'freshnessNeeded', node: other.id }, world.now)
  expect(effects).toEqual([{ kind: 'memberFresh', node: other.id }])
})

test('a fresh quote by which its identity could not come in ends the membership, and renews nothing', () => {
  const { world, judge, other } = network()
  const elsewhere = { ...other.member.verdict, instance: digestOf(sha256(utf8('another machine'))) }
  const effects = world.feed(judge, { kind: 'steppedUp', node: other.id, verdict: elsewhere })
  expect(effects).toContainEqual({
    ...{ kind: 'memberGone', node: other.id, code: 'RE_ATTEST_REFUSED' },
  })
  expect(kinds(effects)).not.toContain('memberFresh')
  expect(judge.machine.isMember(other.id, world.now)).toBe(false)
})

test('all who wait for one member share one quote', () => {
  const pair = network()
  const { world, judge, other } = pair
  stale(pair)
  world.run(seconds(5))
  const before = judge.effects('stepUp').length
  for (let i = 0; i < 10; i++) world.feed(judge, { kind: 'freshnessNeeded', node: other.id })
  world.run(seconds(1))
  expect(judge.effects('stepUp').length - before).toBeLessThanOrEqual(1)
  expect(judge.effects('memberFresh').at(-1)).toEqual({ kind: 'memberFresh', node: other.id })
})

test('after a failure whoever waits is told at once for five seconds, and nobody is asked', () => {
  const pair = network()
  const { world, judge, other } = pair
  stale(pair)
  const effects = judge.machine.step({ kind: 'freshnessNeeded', node: other.id }, world.now)
  expect(effects).toEqual([{ kind: 'memberNotFresh', node: other.id, code: 'ASK_TIMEOUT' }])
  world.run(seconds(4))
  const early = judge.machine.step({ kind: 'freshnessNeeded', node: other.id }, world.now)
  expect(kinds(early)).toEqual(['memberNotFresh'])
})

test('nobody waits for a member that is not connected, or whose connection closes', () => {
  const pair = network()
  const { world, judge, other } = pair
  stale(pair)
  world.run(seconds(5))
  other.isUp = false
  world.feed(judge, { kind: 'freshnessNeeded', node: other.id })
  world.unlink(judge, other)
  const notFresh = { kind: 'memberNotFresh', node: other.id, code: 'NOT_CONNECTED' } as const
  expect(judge.effects('memberNotFresh')).toContainEqual(notFresh)
  const effects = judge.machine.step({ kind: 'freshnessNeeded', node: other.id }, world.now)
  expect(effects).toEqual([notFresh])
})

test.each(['suspect', 'dead'] as const)(
  'a member that looks %s is asked for a fresh quote, and is fresh again with it',
  state => {
    const { world, judge, other } = network()
    world.run(seconds(6))
    const effects = world.feed(judge, { kind: 'livenessChanged', node: other.id, state })
    expect(effects).toContainEqual({ kind: 'stepUp', node: other.id, purpose: 're-attest' })
    expect(effects).toContainEqual({
      ...{ kind: 'memberSuspected', node: other.id, code: 'LIVENESS_MISSED' },
    })
    expect(judge.machine.isFresh(other.id, world.now)).toBe(false)
    world.run(seconds(1))
    expect(judge.machine.isFresh(other.id, world.now)).toBe(true)
    world.run(minutes(2))
    expect(judge.machine.isMember(other.id, world.now)).toBe(true)
  },
)

test('a member in doubt that answers nothing is disconnected within half a minute', () => {
  const { world, judge, other } = network()
  world.run(seconds(6))
  other.isFresh = false
  world.feed(judge, { kind: 'suspected', node: other.id, code: 'BAD_FRAME' })
  world.run(seconds(29))
  expect(judge.links.has(other)).toBe(true)
  world.run(seconds(1))
  expect(judge.effects('disconnect')).toContainEqual({
    ...{ kind: 'disconnect', node: other.id, code: 'VERDICT_EXPIRED' },
  })
})

test('a member whose fresh quote is not trusted is out at once, and steps up before anything when it returns', () => {
  const { world, judge, other } = network()
  const how = 'refused'
  const code = 'TCB_NOT_ALLOWED'
  other.isFresh = false
  const effects = world.feed(judge, { kind: 'stepUpFailed', node: other.id, code, how })
  expect(effects).toContainEqual({
    ...{ kind: 'memberGone', node: other.id, code: 'RE_ATTEST_REFUSED' },
  })
  expect(judge.machine.isMember(other.id, world.now)).toBe(false)
  const returned = world.runUntil(() => judge.links.has(other), seconds(5))
  expect(returned).toBe(true)
  world.run(seconds(31))
  expect(judge.effects('memberGone').at(-1)).toMatchObject({ code: 'VERDICT_EXPIRED' })
})

test('doubt that came while a member was away is settled when it is back', () => {
  const { world, judge, other } = network()
  world.run(seconds(6))
  world.canReach = (left, right) => ![left, right].every(node => [judge, other].includes(node))
  world.unlink(judge, other)
  world.feed(judge, { kind: 'livenessChanged', node: other.id, state: 'suspect' })
  world.run(minutes(1))
  expect(judge.machine.isMember(other.id, world.now)).toBe(true)
  const before = judge.effects('stepUp').length
  world.heal()
  world.run(seconds(3))
  expect(judge.effects('stepUp').slice(before)).toContainEqual({
    ...{ kind: 'stepUp', node: other.id, purpose: 're-attest' },
  })
  expect(judge.machine.isFresh(other.id, world.now)).toBe(true)
})

test('a member that earns a doubt every moment makes this node check a quote every five seconds at most', () => {
  const { world, judge, other } = network()
  const before = judge.effects('stepUp').length
  for (let i = 0; i < 600; i++) {
    world.feed(judge, { kind: 'suspected', node: other.id, code: 'BAD_FRAME' })
    world.run(seconds(0.1))
  }
  const asked = judge.effects('stepUp').length - before
  expect(asked).toBeGreaterThan(5)
  expect(asked).toBeLessThanOrEqual(12)
})
