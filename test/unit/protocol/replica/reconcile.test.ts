import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { PeerFault } from '../../../../src/base/errors.ts'
import { type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import type { Instant, Timestamp } from '../../../../src/base/time.ts'
import { hmacSha256 } from '../../../../src/crypto/hash.ts'
import { Core, settingsOf } from '../../../../src/protocol/replica/core.ts'
import { Merge } from '../../../../src/protocol/replica/merge.ts'
import {
  DescentRound,
  type Round,
  SketchRound,
} from '../../../../src/protocol/replica/reconcile.ts'
import { ReconcileServer } from '../../../../src/protocol/replica/reconcile-server.ts'
import {
  difference,
  idOf,
  itemOf,
  Sketch,
  symbolsFor,
} from '../../../../src/protocol/replica/sketch.ts'
import { blankEntry, entryKind } from '../../../../src/wire/entry.ts'
import { encodeDescentAnswer } from '../../../../src/wire/reconcile.ts'
import { SyncPageWriter } from '../../../../src/wire/sync.ts'
import {
  commitKey,
  FakeNetwork,
  type FakeNode,
  network,
  openRules,
  seeded,
} from '../../../fakes/replica-network.ts'

const hour = 3_600_000
const emptyPage = new SyncPageWriter().finish(
  () => new Uint8Array(32),
  () => new Uint8Array(32),
)
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))
const questionsOf = (node: FakeNode): number[] =>
  node.effects.flatMap(effect => (effect.kind === 'askSync' ? [effect.bytes[0] ?? 0] : []))

/** A founder and a member that hold the same, then part. */
function parted(seed: number, keys: number): { net: FakeNetwork; a: FakeNode; b: FakeNode } {
  const net = new FakeNetwork({ seed })
  const a = net.found()
  const b = net.join()
  net.beatFor(2)
  for (let i = 0; i < keys; i++) net.set(a, `key/${i}`, `old ${i}`, 'local')
  net.beatFor(3)
  net.disconnect(a, b)
  net.run(hour)
  return { net, a, b }
}

/** Both forget what they know of each other's change log. */
function forget(net: FakeNetwork, a: FakeNode, b: FakeNode): void {
  const alone = (node: FakeNode): void => {
    const members = [{ node: node.id, instance: String(node.index), phase: 'active' as const }]
    net.feed(node, { kind: 'membersChanged', members })
  }
  alone(a)
  alone(b)
  for (const node of [a, b]) {
    const members = [a, b].map(({ id, index }) => ({
      node: id,
      instance: String(index),
      phase: 'active' as const,
    }))
    net.feed(node, { kind: 'membersChanged', members })
  }
}

test('symbols give the difference of two sets, and symbols of nothing real give none', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 300 }), (seed, count) => {
      const random = seeded(seed)
      const word = (): number => Math.floor(random() * 2 ** 32)
      const [left, right] = [new Sketch(1024), new Sketch(1024)]
      const expected = new Set<number>()
      for (let i = 0; i < 500; i++) {
        const item = itemOf(word(), word() & 0xffff)
        left.add(item, 1)
        right.add(item, 1)
      }
      for (let i = 0; i < count; i++) {
        const item = itemOf(word(), word() & 0xffff)
        ;(i % 3 === 0 ? left : right).add(item, 1)
        expected.add(idOf(item))
      }
      expect(difference(left.symbols(0, 1024), right.symbols(0, 1024))).toEqual(expected)
      const garbage = Uint32Array.from({ length: 512 }, word)
      expect(difference(left.symbols(0, 256), garbage)).toBeUndefined()
      const estimate = left.estimate(right.counters())
      expect(estimate).toBeGreaterThanOrEqual(count / 2)
      expect(estimate).toBeLessThanOrEqual(2 * count)
      expect(symbolsFor(estimate)).toBeGreaterThan(estimate)
    }),
    { numRuns: 40 },
  )
})

test('a sum that is taken for an item by chance does not keep symbols that suffice from giving the difference', () => {
  // Found by seed: here the true items of such a sum showed again and again before the sum did.
  const random = seeded(-69054274)
  const word = (): number => Math.floor(random() * 2 ** 32)
  for (let i = 0; i < 500; i++) itemOf(word(), word())
  const [left, right] = [new Sketch(1024), new Sketch(1024)]
  const expected = new Set<number>()
  for (let i = 0; i < 293; i++) {
    const item = itemOf(word(), word() & 0xffff)
    left.add(item, 1)
    expected.add(idOf(item))
  }
  expect(difference(left.symbols(0, 1024), right.symbols(0, 1024))).toEqual(expected)
})

test('two that parted and know no cursor meet by a sketch in two questions, and their roots agree', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.nat(30), fc.nat(30), (seed, mine, theirs) => {
      const { net, a, b } = parted(seed, 600)
      for (let i = 0; i < mine; i++) net.set(a, `key/${i * 7}`, `a ${i}`, 'local')
      for (let i = 0; i < theirs; i++) net.set(b, `key/${i * 11}`, `b ${i}`, 'local')
      net.write(b, { kind: 'delete', key: 'key/5' }, 'local')
      net.run(1000)
      forget(net, a, b)
      a.effects.length = b.effects.length = 0
      net.connect(a, b)
      net.run(900)
      expect(rootOf(a)).toBe(rootOf(b))
      const asked = questionsOf(a)
      expect(asked[0]).toBe(1)
      expect([...asked, ...questionsOf(b)].filter(kind => kind === 2).length).toBeGreaterThan(0)
      expect(asked.length).toBeLessThanOrEqual(4)
    }),
    { numRuns: 12 },
  )
})

interface Side {
  readonly id: NodeId
  readonly core: Core
  readonly merge: Merge
  readonly server: ReconcileServer
}

const wall = Date.UTC(2026, 10, 2)
const now = 0 as Instant

function side(index: number): Side {
  const id = nodeIdOfKey(new Uint8Array(32).fill(index))
  const ports = {
    random: { bytes: (count: number) => new Uint8Array(count).fill(index) },
    commitSalt: (_: string, data: Uint8Array) => hmacSha256(utf8('commit key'), data),
    sign: () => new Uint8Array(64),
  }
  const core = new Core(ports, settingsOf({ self: id, network, rules: openRules }))
  core.clock.start(wall as Timestamp, now)
  const merge = new Merge(core)
  return { id, core, merge, server: new ReconcileServer(core, merge, new Uint8Array(16)) }
}

/** A state of one key: its number, how long ago it was written, and what. */
type State = readonly [key: number, secondsAgo: number, value: number]

function put({ core, merge }: Side, [key, secondsAgo, value]: State): void {
  const entry = blankEntry()
  entry.kind = entryKind.register
  entry.ms = entry.tagMs = wall - 1000 * secondsAgo
  entry.author = entry.tagAuthor = core.map.authors.indexOf(nodeIdOfKey(new Uint8Array(32).fill(9)))
  entry.commitKey = core.map.commitKeys.indexOf(commitKey)
  entry.sequence = 1
  entry.key = utf8(`${key % 3 === 0 ? 'public/' : ''}key ${key}`)
  entry.keyEnd = entry.key.length
  entry.value = utf8(`value ${value}`)
  entry.valueEnd = entry.value.length
  merge.join(entry)
}

const rootIn = ({ core }: Side): string => {
  const roots = core.commitment.roots()
  return 'missing' in roots ? '' : toHex(roots.root)
}

type Tamper = (answer: Uint8Array) => Uint8Array

/** Runs a round to its end. Answers how it ended and how many questions it took. */
function run(
  round: Round,
  to: Side,
  asker: Side,
  tamper: Tamper = a => a,
  isActive = true,
): [string, number] {
  let question = round.ask()
  for (let count = 1; question !== undefined; count++) {
    const from = { node: asker.id, syncedAt: wall, isActive }
    const answer = tamper(to.server.answer(question, from, now).bytes)
    const { step } = round.take(answer, now)
    if (step.kind !== 'ask') return [step.kind, count]
    question = step.bytes
  }
  return ['closed', 0]
}

const ports = ({ core, merge }: Side): { core: Core; merge: Merge; syncedAt: number } => ({
  core,
  merge,
  syncedAt: wall,
})

const states = fc.array(
  fc.tuple(fc.nat(400), fc.nat(80_000), fc.nat(3)).map(state => state as State),
  { maxLength: 120 },
)

test('whatever two hold, a descent from both sides makes their roots one', () => {
  fc.assert(
    fc.property(states, states, (mine, theirs) => {
      const [a, b] = [side(1), side(2)]
      for (const state of mine) put(a, state)
      for (const state of theirs) put(b, state)
      expect(run(new DescentRound(ports(a), b.id), b, a)[0]).toBe('done')
      expect(run(new DescentRound(ports(b), a.id), a, b)[0]).toBe('done')
      expect(rootIn(a)).toBe(rootIn(b))
    }),
    { numRuns: 60 },
  )
})

test('whatever differs, one sketch round makes both roots one', () => {
  fc.assert(
    fc.property(states, states, fc.nat(80_000), (mine, theirs, age) => {
      const [a, b] = [side(1), side(2)]
      for (let key = 0; key < 1000; key++) for (const s of [a, b]) put(s, [key, age, 9])
      for (const state of mine) put(a, state)
      for (const state of theirs) put(b, state)
      const [end, questions] = run(new SketchRound(ports(a), b.id), b, a)
      expect(end).toBe('done')
      expect(questions).toBeLessThanOrEqual(5)
      expect(rootIn(a)).toBe(rootIn(b))
    }),
    { numRuns: 40 },
  )
})

test('a lying answerer costs bounded work, and takes no entry from anybody', () => {
  fc.assert(
    fc.property(fc.integer(), fc.boolean(), (seed, isSketch) => {
      const random = seeded(seed)
      const [a, b] = [side(1), side(2)]
      for (let key = 0; key < 300; key++) put(a, [key, key, 1])
      for (let key = 200; key < 500; key++) put(b, [key, 2 * key, 2])
      const before = a.core.map.entryCount
      const RoundOf = isSketch ? SketchRound : DescentRound
      const lie: Tamper = answer => {
        const lied = answer.slice(0, random() < 0.2 ? random() * answer.length : undefined)
        for (let i = random() * 8; i > 0; i--) lied[random() * lied.length] = random() * 256
        return lied
      }
      try {
        const [, questions] = run(new RoundOf(ports(a), b.id), b, a, lie)
        expect(questions).toBeLessThanOrEqual(70)
      } catch (fault) {
        expect(fault).toBeInstanceOf(PeerFault)
      }
      expect(a.core.map.entryCount).toBeGreaterThanOrEqual(before)
      for (let key = 0; key < 300; key++) {
        const name = `${key % 3 === 0 ? 'public/' : ''}key ${key}`
        expect(a.core.map.get(name)).toBeDefined()
      }
    }),
    { numRuns: 60 },
  )
})

test('an answerer that shows a difference without end is left alone', () => {
  const [a, b] = [side(1), side(2)]
  for (let key = 0; key < 300; key++) put(a, [key, key, 1])
  let turn = 0
  const endless: Tamper = () => {
    const children = Array.from({ length: 64 }, () => new Uint8Array(128).fill(++turn % 255 || 1))
    return encodeDescentAnswer({ groupClock: wall, syncedAt: wall, children, page: emptyPage })
  }
  expect(run(new DescentRound(ports(a), b.id), b, a, endless)).toEqual(['pointless', 66])
  const noise: Tamper = answer => answer.map((byte, i) => (i > 60 ? (byte + i * 31) % 256 : byte))
  expect(run(new SketchRound(ports(a), b.id), b, a, noise)[0]).toBe('pointless')
})

test('a stale asker brings back nothing that was removed and forgotten', () => {
  const [a, b] = [side(1), side(2)]
  for (let key = 0; key < 600; key++) for (const s of [a, b]) put(s, [key, 90_000, 1])
  put(a, [700, 100_000, 1])
  const stale = { ...ports(a), syncedAt: wall - 30 * hour }
  expect(run(new SketchRound(stale, b.id), b, a)[0]).toBe('done')
  expect(b.core.map.get('key 700')).toBeUndefined()
  expect(run(new SketchRound(ports(a), b.id), b, a)[0]).toBe('done')
  expect(b.core.map.get('key 700')).toBeDefined()
})

test('an asker whose page is not taken gets what it lacks all the same', () => {
  for (const reason of ['joining', 'stale']) {
    const [a, b] = [side(1), side(2)]
    for (let key = 0; key < 600; key++) for (const s of [a, b]) put(s, [key, 60, 1])
    put(a, [700, 60, 1])
    put(b, [701, 60, 1])
    const syncedAt = reason === 'stale' ? wall - 30 * hour : wall
    const round = new SketchRound({ ...ports(a), syncedAt }, b.id)
    expect(run(round, b, a, undefined, reason !== 'joining')[0]).toBe('done')
    expect(a.core.map.get('key 701')).toBeDefined()
    expect(b.core.map.get('key 700')).toBeUndefined()
  }
})
