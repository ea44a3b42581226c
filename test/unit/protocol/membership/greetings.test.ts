/** What neighbours say to each other first, and what it costs to say it wrongly. */
import { expect, test } from 'vitest'
import { bytesOfDigest, type Digest, digestOf } from '../../../../src/base/ids.ts'
import { seconds } from '../../../../src/base/time.ts'
import type { MembershipEffect } from '../../../../src/protocol/membership/types.ts'
import { type Announce, announceCodec, helloCodec } from '../../../../src/wire/hello.ts'
import {
  decodeRemoval,
  encodeRemoval,
  type RemovalsAnswer,
  removalsAnswerCodec,
  removalsRequestCodec,
} from '../../../../src/wire/removal.ts'
import { network3, type TestNode, World } from './harness.ts'
import { certificate, digestOfText, identity, manifest, noManifestNews, shownBy } from './people.ts'

const unknown = digestOfText('a set that you do not know')
const someone = identity('someone').member
const removal = certificate({ scope: 'identity', subject: someone.keys.identity })

function announce(
  world: World,
  to: TestNode,
  from: TestNode,
  news: Partial<Announce>,
): readonly MembershipEffect[] {
  const frame: Announce = {
    ...{ phase: 'active', announcements: [], removals: [], ...noManifestNews },
    removalDigest: bytesOfDigest(from.machine.removalDigest),
    evidence: shownBy(from.member),
    ...news,
  }
  return world.feed(to, { kind: 'told', from: from.id, bytes: announceCodec.encode(frame) })
}

/** Makes `a` ask `b` for removals, and answers in b's place. */
function fetching(): {
  world: World
  a: TestNode
  b: TestNode
  answer: (page: Partial<RemovalsAnswer>) => readonly MembershipEffect[]
} {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  world.intercept = ({ from, to, protocol }) =>
    from === a && to === b && protocol === 'removals' ? 'drop' : 'pass'
  announce(world, a, b, { removalDigest: bytesOfDigest(unknown) })
  return {
    ...{ world, a, b },
    answer: page => {
      const ask = a.effects('ask').findLast(({ protocol }) => protocol === 'removals')
      if (ask === undefined) throw new Error('a asks for removals')
      const whole = { digest: bytesOfDigest(unknown), ids: [], hasMore: false, items: [], ...page }
      const bytes = removalsAnswerCodec.encode(whole)
      return world.feed(a, { kind: 'answered', ask: ask.ask, bytes })
    },
  }
}

const disconnects = (effects: readonly MembershipEffect[]): readonly string[] =>
  effects.flatMap(effect => (effect.kind === 'faulted' ? [effect.code] : []))
const idOf = (text: string): Uint8Array => bytesOfDigest(digestOfText(text))

test('both gates open once both sides know each other’s removals, and only once', () => {
  const world = new World()
  const nodes = network3(world)
  world.run(seconds(10))
  for (const node of nodes) {
    const opened = node.effects('openGate').map(effect => effect.node)
    expect(opened.toSorted()).toEqual(
      nodes
        .filter(other => other !== node)
        .map(({ id }) => id)
        .toSorted(),
    )
  }
})

test('a hello with a possession signature of another key costs the connection', () => {
  const world = new World()
  const a = world.add('a', { isFounder: true })
  const b = world.add('b')
  const feed = world.feed.bind(world)
  world.feed = (node, input) => {
    const isHello = input.kind === 'asked' && input.protocol === 'hello' && node === a
    if (!isHello) return feed(node, input)
    const hello = helloCodec.decode(input.bytes)
    const possession = hello.possession.map(byte => byte ^ 1)
    return feed(node, { ...input, bytes: helloCodec.encode({ ...hello, possession }) })
  }
  world.run(seconds(2))
  expect(a.effects('faulted').map(({ code }) => code)).toContain('BAD_POSSESSION')
  expect(a.effects('refuse').map(({ code }) => code)).toContain('BAD_MESSAGE')
  expect(a.gates.has(b.id)).toBe(false)
})

test('bytes that are no message cost the connection, whatever the protocol', () => {
  for (const protocol of ['hello', 'removals', 'record', 'key'] as const) {
    const world = new World()
    const [a, b] = network3(world) as [TestNode, TestNode]
    const bytes = Uint8Array.of(0xa0)
    const request = -1
    const effects = world.feed(a, { kind: 'asked', request, from: b.id, protocol, bytes })
    expect(effects).toContainEqual({ kind: 'refuse', request, code: 'BAD_MESSAGE' })
    expect(disconnects(effects)).toEqual(['UNKNOWN_VERSION'])
  }
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const effects = world.feed(a, { kind: 'told', from: b.id, bytes: Uint8Array.of(0xff) })
  expect(disconnects(effects)).toHaveLength(1)
})

test('an item in a frame that proves nothing costs the connection, and those before it count', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  // Signed for another subject of the same scope.
  const item = decodeRemoval(removal)
  if (item.kind !== 'certificate') throw new Error('a certificate')
  const forged = encodeRemoval({ ...item, subject: idOf('somebody else') })
  const good = certificate({ scope: 'instance', subject: idOf('machine') })
  const effects = announce(world, a, b, { removals: [good, forged] })
  expect(disconnects(effects)).toEqual(['REMOVAL_BAD_SIGNATURE'])
  expect(a.machine.removalCount).toBe(1)
})

test('who lists a removal and does not prove it loses the connection', () => {
  const { answer, a } = fetching()
  answer({ ids: [idOf('1'), idOf('2')].toSorted((l, r) => (digestOf(l) < digestOf(r) ? -1 : 1)) })
  expect(disconnects(answer({ items: [] }))).toEqual(['REMOVALS_WITHHELD'])
  expect(a.machine.removalCount).toBe(0)
})

test('a member whose removals change without end and never show what they gained loses the connection', () => {
  const { answer, a } = fetching()
  const faults: string[] = []
  for (let i = 0; i < 200 && faults.length === 0; i++) {
    faults.push(...disconnects(answer({ digest: idOf(`digest ${i}`) })))
  }
  expect(faults).toEqual(['REMOVALS_RESTLESS'])
  const evading = fetching()
  const claim = idOf('a claim that nobody proves')
  for (let i = 0; i < 400 && faults.length === 1; i++) {
    const page = i % 2 === 0 ? { ids: [claim] } : {}
    faults.push(...disconnects(evading.answer({ digest: idOf(`digest ${i}`), ...page })))
  }
  expect(faults).toEqual(['REMOVALS_RESTLESS', 'REMOVALS_RESTLESS'])
  expect([a, evading.a].map(({ machine }) => machine.removalCount)).toEqual([0, 0])
})

test('a list that does not rise, repeats or never ends loses the connection', () => {
  const [low, high] = [idOf('1'), idOf('2')].toSorted((l, r) =>
    digestOf(l) < digestOf(r) ? -1 : 1,
  ) as [Uint8Array, Uint8Array]
  expect(disconnects(fetching().answer({ ids: [high, low] }))).toEqual(['REMOVALS_BAD_LIST'])
  expect(disconnects(fetching().answer({ ids: [low, low] }))).toEqual(['REMOVALS_BAD_LIST'])
  expect(disconnects(fetching().answer({ ids: [], hasMore: true }))).toEqual(['REMOVALS_BAD_LIST'])
  const again = fetching()
  again.answer({ ids: [high], hasMore: true })
  expect(disconnects(again.answer({ ids: [low], hasMore: true }))).toEqual(['REMOVALS_BAD_LIST'])
})

test('only what is missing is asked for, sixteen at a time', () => {
  const world = new World()
  const [a, b] = network3(world, ['a', 'b']) as [TestNode, TestNode]
  world.partition([a], [b])
  const items = Array.from({ length: 22 }, (_, i) =>
    certificate({ scope: 'instance', subject: idOf(`machine ${i}`) }),
  )
  world.feed(a, { kind: 'removalItems', items: items.slice(0, 4) })
  world.feed(b, { kind: 'removalItems', items: items.slice(2) })
  world.heal()
  world.run(seconds(3))
  expect(a.machine.removalDigest).toBe(b.machine.removalDigest)
  expect(a.machine.removalCount).toBe(22)
  const pages = (node: TestNode): readonly number[] =>
    node
      .effects('ask')
      .filter(({ protocol }) => protocol === 'removals')
      .map(({ bytes }) => removalsRequestCodec.decode(bytes).ids.length)
      .filter(length => length > 0)
  expect(pages(a)).toEqual([16, 2])
  // What a pushed to b meanwhile, or b fetched: each of the two that b lacked came once.
  expect(pages(b).length).toBeLessThanOrEqual(1)
})

test('removals that nobody answers for cost the connection after three tries', () => {
  const { world, a, b } = fetching()
  world.run(seconds(40))
  expect(a.effects('disconnect')).toContainEqual({
    ...{ kind: 'disconnect', node: b.id, code: 'REMOVALS_UNANSWERED' },
  })
})

test('an announce of a digest that is known starts no fetch', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const before = a.machine.removalDigest
  world.feed(a, { kind: 'removalItems', items: [removal] })
  world.run(seconds(2))
  const asks = a.effects('ask').length
  announce(world, a, b, { removalDigest: bytesOfDigest(before) })
  expect(a.effects('ask')).toHaveLength(asks)
})

test('a replaced connection greets anew and gets its own gate', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const opened = a.effects('openGate').filter(({ node }) => node === b.id).length
  world.feed(a, { kind: 'connected', member: { ...b.member } })
  world.run(seconds(1))
  expect(a.effects('openGate').filter(({ node }) => node === b.id)).toHaveLength(opened + 1)
})

test('another manifest in force: every verdict is formed anew, and who is not admitted goes', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const old = world.add('old', { measurement: 'app 2' })
  world.run(seconds(3))
  expect(a.links.has(old)).toBe(true)
  const next = {
    ...{ ...manifest, nonce: 2, hash: digestOfText('manifest 2') },
    measurements: ['app 1'],
  }
  const digest = a.machine.removalDigest
  world.appraise = evidence => {
    const verdict = identity('x').member.verdict
    const { instance, measurement } = JSON.parse(new TextDecoder().decode(evidence.body))
    return measurement === 'app 1'
      ? { ...verdict, instance, measurement }
      : { kind: 'refused', code: 'MEASUREMENT_UNKNOWN', facts: {} }
  }
  for (const node of [a, b]) world.feed(node, { kind: 'manifestChanged', manifest: next })
  world.run(seconds(5))
  expect(a.effects('memberGone')).toContainEqual({
    ...{ kind: 'memberGone', node: old.id, code: 'POLICY_REFUSED' },
  })
  expect(a.links.has(old)).toBe(false)
  expect(a.machine.removalDigest).not.toBe(digest)
  expect(a.machine.isMember(b.id, world.now)).toBe(true)
  // New keys: what was announced under the old manifest is not sealed under any more.
  expect(a.machine.sealingKey('traffic', world.now)?.id).toBe(
    b.machine.sealingKey('traffic', world.now)?.id,
  )
  expect(
    old.machine.openingKey(a.machine.sealingKey('traffic', world.now)?.id as Digest, world.now),
  ).toBeUndefined()
})

test('a measurement that ends takes its keys with it, also where one clock is a second behind', () => {
  const world = new World()
  const [a, b] = network3(world) as [TestNode, TestNode]
  const old = world.add('old', { measurement: 'app 2' })
  world.run(seconds(3))
  const before = a.machine.sealingKey('traffic', world.now)?.id as Digest
  expect(old.machine.openingKey(before, world.now)).toBeDefined()
  world.appraise = evidence => {
    const verdict = identity('x').member.verdict
    const { instance, measurement } = JSON.parse(new TextDecoder().decode(evidence.body))
    return measurement === 'app 1'
      ? { ...verdict, instance, measurement }
      : { kind: 'refused', code: 'MEASUREMENT_EXPIRED', facts: {} }
  }
  const ended = { ...manifest, endedMeasurements: ['app 2'] }
  world.feed(a, { kind: 'manifestChanged', manifest: ended })
  world.run(seconds(1))
  expect(a.machine.removalDigest).not.toBe(b.machine.removalDigest)
  for (const node of world.nodes.filter(node => node !== a)) {
    world.feed(node, { kind: 'manifestChanged', manifest: ended })
  }
  world.run(seconds(3))
  const after = a.machine.sealingKey('traffic', world.now)?.id as Digest
  expect(after).not.toBe(before)
  expect(b.machine.removalDigest).toBe(a.machine.removalDigest)
  expect(b.machine.sealingKey('traffic', world.now)?.id).toBe(after)
  expect(old.machine.openingKey(after, world.now)).toBeUndefined()
})
