/**
 * Two days apart: a removal that was pruned never reappears, whichever way those that missed it are pulled from.
 *
 * `gone` and `late` miss the removals; `joiner` comes while they are away, so that it is not stale and may pull from
 * them by every way there is. While they ask nothing themselves they go on holding what was removed, and their roots stay
 * others: that drives the joiner through sketch, descent and listing, one after the other.
 */
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import { minutes } from '../../../../src/base/time.ts'
import { syncRequestCodec } from '../../../../src/wire/sync.ts'
import { FakeNetwork, type FakeNode } from '../../../fakes/replica-network.ts'

vi.setConfig({ testTimeout: 600_000 })

const hour = 3_600_000
const rootOf = (node: FakeNode): string => toHex(node.replica.roots()?.root ?? new Uint8Array(0))

type Way = 'cursor' | 'sketch' | 'descent' | 'snapshot' | 'listing'
const questionKinds: Readonly<Record<number, Way>> = { 1: 'sketch', 3: 'descent' }

/** By which ways a node asked another since its effects were last cleared. */
function waysOf(node: FakeNode, of: FakeNode): ReadonlySet<Way> {
  const ways = node.effects.flatMap(effect => {
    if (effect.kind !== 'askSync' || effect.to !== of.id) return []
    const way = questionKinds[effect.bytes[0] ?? 0]
    if (way !== undefined) return [way]
    if (effect.bytes[0] === 2) return []
    const { log, cursor, marks } = syncRequestCodec.decode(effect.bytes)
    if (log !== null && cursor > 0) return ['cursor' as const]
    return [marks.length === 0 ? ('listing' as const) : ('snapshot' as const)]
  })
  return new Set(ways)
}

interface Plan {
  readonly seed: number
  /** Entries that are removed, of every kind that can be. */
  readonly removed: number
  readonly kept: number
}

const kinds = ['register', 'set', 'multi'] as const
const keysOf = ({ removed }: Plan): string[] =>
  Array.from({ length: removed }, (_, i) => `removed/${i}`)

function write(net: FakeNetwork, node: FakeNode, index: number, key: string): void {
  const kind = kinds[index % kinds.length]
  if (kind === 'register') net.set(node, key, 'old', 'local')
  else if (kind === 'set') net.write(node, { kind: 'add', key, element: utf8('old') }, 'local')
  else net.write(node, { kind: 'assign', key, value: utf8('old') }, 'local')
}

function part(net: FakeNetwork, left: readonly FakeNode[], right: readonly FakeNode[]): void {
  for (const one of left) for (const other of right) net.disconnect(one, other)
}

/** The fields in the order of their coming; the removals of `first` are pruned and forgotten by all that know of them. */
function afterTwoDays(plan: Plan) {
  const net = new FakeNetwork({ seed: plan.seed, replica: { syncInterval: minutes(10) } })
  net.found()
  for (let i = 1; i < 4; i++) net.join()
  net.beatFor(4)
  const [first, second, late, gone] = net.nodes as [FakeNode, FakeNode, FakeNode, FakeNode]
  for (let i = 0; i < plan.kept; i++) net.set(first, `kept/${i}`, 'v', 'local')
  net.beatFor(3)
  // What `gone` misses and `late` still hears is what reaches `gone` later, through `late`.
  const [early, lateOnly] = [keysOf(plan).slice(1), keysOf(plan).slice(0, 1)]
  for (const [i, key] of early.entries()) write(net, i % 2 === 0 ? second : gone, i, key)
  net.beatFor(3)
  part(net, [gone], [first, second, late])
  for (const key of lateOnly) write(net, second, 0, key)
  net.beatFor(3)
  part(net, [late], [first, second])
  for (const key of keysOf(plan)) net.write(first, { kind: 'delete', key }, 'local')
  for (let i = 0; i < 48; i++) {
    net.run(hour)
    net.beatFor(1)
  }
  const joiner = net.join()
  part(net, [joiner], [gone, late])
  net.beatFor(5)
  expect(joiner.phase).toBe('active')
  return { net, first, second, late, gone, joiner }
}

/** Goes on answering, asks nothing: what it holds stays as it is. */
const mute = (node: FakeNode): void => {
  node.answerLie = () => undefined
}
const unmute = (node: FakeNode): void => {
  node.answerLie = undefined
}

/** One second after the other, none of these ever holds what was removed. */
function beatClean(net: FakeNetwork, plan: Plan, clean: readonly FakeNode[], count: number): void {
  for (let i = 0; i < count; i++) {
    net.beatFor(1)
    for (const node of clean) {
      const back = keysOf(plan).filter(key => node.replica.get(key) !== undefined)
      expect(back, `back at node ${node.index}`).toEqual([])
    }
  }
}

/** All meet at last: one root, nothing removed, nothing else lost. */
function expectUnion(net: FakeNetwork, plan: Plan): void {
  for (const one of net.nodes) for (const other of net.nodes) net.connect(one, other)
  net.beatFor(60)
  expect(new Set(net.nodes.map(rootOf)).size).toBe(1)
  for (const node of net.nodes) {
    expect(keysOf(plan).filter(key => node.replica.get(key) !== undefined)).toEqual([])
    expect(node.replica.list({ prefix: 'kept/', after: undefined, limit: 1000 })).toHaveLength(
      plan.kept,
    )
  }
}

const small = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  // One of them reaches `gone` through `late` alone.
  removed: fc.integer({ min: 2, max: 30 }),
  kept: fc.constant(300),
})
const runs = { numRuns: 2 } as const

test('a pruned removal stays removed by sketch, by descent and by listing, and all end with one root', () => {
  fc.assert(
    fc.property(small, plan => {
      const { net, first, second, gone, joiner } = afterTwoDays(plan)
      mute(gone)
      joiner.effects.length = 0
      net.connect(joiner, gone)
      beatClean(net, plan, [first, second, joiner], 30)
      expect([...waysOf(joiner, gone)]).toEqual(
        expect.arrayContaining(['sketch', 'descent', 'listing']),
      )
      unmute(gone)
      expectUnion(net, plan)
    }),
    runs,
  )
})

test('a pruned removal stays removed by a snapshot, which a large difference is answered with', () => {
  fc.assert(
    fc.property(small, ({ seed }) => {
      const plan = { seed, removed: 240, kept: 120 }
      const { net, first, second, gone, joiner } = afterTwoDays(plan)
      mute(gone)
      joiner.effects.length = 0
      net.connect(joiner, gone)
      beatClean(net, plan, [first, second, joiner], 3)
      // The sketch is pointless: pages from the beginning take its place.
      expect([...waysOf(joiner, gone)].slice(0, 2)).toEqual(['sketch', 'snapshot'])
      unmute(gone)
      expectUnion(net, plan)
    }),
    { numRuns: 1 },
  )
})

test('a pruned removal stays removed by cursor, where it comes late to a log that is known', () => {
  fc.assert(
    fc.property(small, plan => {
      const { net, first, second, late, gone, joiner } = afterTwoDays(plan)
      mute(gone)
      net.connect(joiner, gone)
      beatClean(net, plan, [first, second, joiner], 1)
      net.disconnect(joiner, gone)
      // Now the log of `gone` grows by what `late` alone has of the removed.
      unmute(gone)
      net.connect(gone, late)
      net.beatFor(5)
      expect(gone.replica.get('removed/0')).toBeDefined()
      net.disconnect(gone, late)
      mute(gone)
      joiner.effects.length = 0
      net.connect(joiner, gone)
      beatClean(net, plan, [first, second, joiner], 3)
      expect(waysOf(joiner, gone)).toContain('cursor')
      unmute(gone)
      expectUnion(net, plan)
    }),
    runs,
  )
})

test('a pruned removal stays removed by the listing of a member that lacks it, though both ask', () => {
  fc.assert(
    fc.property(small, plan => {
      const { net, first, second, gone } = afterTwoDays(plan)
      first.effects.length = 0
      net.connect(first, gone)
      beatClean(net, plan, [first, second], 5)
      expect(waysOf(first, gone)).toContain('listing')
      expectUnion(net, plan)
    }),
    runs,
  )
})
