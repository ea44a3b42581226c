/** What a page knows after what it heard, and what it makes of it for people. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { routeExamples } from '../../../src/api/examples.ts'
import { type Look, lookShape } from '../../../src/api/look.ts'
import type { DeskLook, DeskNode } from '../../../src/web/dashboard/desk.ts'
import {
  beatSpan,
  historySpan,
  nothingWatched,
  told,
  type Watched,
} from '../../../src/web/dashboard/model.ts'
import {
  agreement,
  attestationRows,
  bucketsOf,
  graphOf,
  memberRows,
  spanText,
} from '../../../src/web/dashboard/views.ts'

const base = lookShape.parse(routeExamples.look.answer)
const self = base.status.node
const ada = 'ada-000000000000'
const bob = 'bob-000000000000'

function lookAt(seconds: number, change: Partial<Look> = {}): Look {
  const at = new Date(Date.UTC(2030, 0, 1) + seconds * 1000).toISOString()
  return { ...base, at, vitals: { ...base.vitals, uptimeMs: seconds * 1000 }, ...change }
}

const after = (looks: readonly Look[], from: Watched = nothingWatched): Watched =>
  looks.reduce((watched, look) => told(watched, { kind: 'look', look }), from)

function member(
  node: string,
  change: Partial<Look['members'][number]> = {},
): Look['members'][number] {
  const [first] = base.members
  if (first === undefined) throw new Error('an example without members')
  const plain = { vouchedBy: [], cause: null, phi: 0.1, connected: true, phase: 'active' } as const
  return { ...first, ...plain, node, state: 'alive', self: node === self, ...change }
}

const desked = (nodes: readonly Partial<DeskNode>[]): DeskLook => ({
  names: nodes.flatMap(({ node, name }, i) =>
    node == null ? [] : [[node, name ?? `node-${i}`] as const],
  ),
  faults: [],
  nodes: nodes.map((node, i) => ({
    ...{
      name: `node-${i}`,
      isExtra: false,
      isRunning: true,
      http: '',
      node: null,
      phase: 'active',
    },
    ...{ root: null, members: [], ...node },
  })),
})

test('refusals and events stand until a look brings others', () => {
  const event = { at: base.at, kind: 'k', text: 't', facts: {} }
  const watched = after([lookAt(1, { events: [event], refusals: [] }), lookAt(2)])
  expect(watched.events).toEqual([event])
  expect(after([lookAt(3, { events: [] })], watched).events).toEqual([])
})

test('every beat is known once, however looks overlap and some are missed, and old ones go', () => {
  const beat = fc.integer({ min: 0, max: 300_000 })
  const looks = fc.uniqueArray(fc.integer({ min: 1, max: 300 }), { minLength: 1 })
  fc.assert(
    fc.property(
      fc.uniqueArray(beat, { selector: at => Math.floor(at / 5) }),
      looks,
      (beats, seconds) => {
        const times = seconds.toSorted((left, right) => left - right)
        const told = times.map(second => {
          const uptimeMs = second * 1000
          const beatAgesMs = beats
            .map(at => uptimeMs - at)
            .filter(age => age >= 0 && age <= 10_000)
            .toSorted((left, right) => right - left)
          const members = [{ node: ada, beatAgesMs, root: null, apartMs: 0 }]
          return lookAt(second, { vitals: { ...base.vitals, uptimeMs, members } })
        })
        const end = (times.at(-1) ?? 0) * 1000
        const seen = beats.filter(at =>
          times.some(second => at <= second * 1000 && at >= second * 1000 - 10_000),
        )
        const due = seen.filter(at => at > end - 10_000 || (at > end - beatSpan && at < end))
        const known = after(told).beats.get(ada) ?? []
        expect(known.filter(at => at > end - beatSpan + 1000)).toEqual(
          due.filter(at => at > end - beatSpan + 1000).toSorted((left, right) => left - right),
        )
        expect(Math.min(end, ...known)).toBeGreaterThanOrEqual(end - beatSpan - 11_000)
      },
    ),
  )
})

test('history is bounded, and a clock that is set back folds no line over itself', () => {
  const watched = after(Array.from({ length: 500 }, (_, i) => lookAt(i)))
  expect(watched.rates.length).toBeLessThanOrEqual(historySpan + 1)
  const back = after([lookAt(490)], watched)
  const times = back.rates.map(({ at }) => at)
  expect(times).toEqual(times.toSorted((left, right) => left - right))
  expect(back.rates.length).toBeLessThan(watched.rates.length + 1)
})

test('another boot at the same address is another node: nothing of the last one stays', () => {
  const watched = after([lookAt(1), lookAt(2)])
  expect(watched.rates).toHaveLength(2)
  const other = lookAt(3, { status: { ...base.status, node: bob } })
  expect(after([other], watched).rates).toHaveLength(1)
})

test('a rotation is a traffic key that another one came before', () => {
  const keyed = (second: number, trafficKey: string | null) =>
    lookAt(second, { vitals: { ...base.vitals, trafficKey } })
  const { rotations } = after([keyed(1, null), keyed(2, 'a'), keyed(3, 'a'), keyed(4, 'b')])
  expect(rotations.map(({ key, isFirst }) => [key, isFirst])).toEqual([
    ['a', true],
    ['b', false],
  ])
})

test('a lost stream keeps what was seen, a locked one forgets it', () => {
  const watched = after([lookAt(1)])
  const lost = told(watched, { kind: 'lost' })
  expect([lost.connection, lost.look]).toEqual(['lost', watched.look])
  const locked = told(lost, { kind: 'locked', why: 'TOKEN_REFUSED' })
  expect([locked.look, locked.lockedBy, locked.rates]).toEqual([null, 'TOKEN_REFUSED', []])
})

test('a row says how a member came to be believed, and for how long its root has differed', () => {
  const members = [member(self), member(ada), member(bob, { vouchedBy: [ada], state: 'suspect' })]
  const apart = { node: ada, beatAgesMs: [400], root: 'ab'.repeat(32), apartMs: 75_000 }
  const look = lookAt(1, { members, vitals: { ...base.vitals, members: [apart] } })
  const rows = new Map(memberRows(after([look])).map(row => [row.id, row]))
  expect(rows.get(self)).toMatchObject({ attested: 'this node', agrees: true })
  expect(rows.get(ada)).toMatchObject({
    ...{ attested: 'appraised here', lastBeat: '0.4 s ago', tone: 'good', agrees: false },
    root: 'ababababab, apart 1 min',
  })
  expect(rows.get(bob)).toMatchObject({ attested: 'on the word of …000000', tone: 'warning' })
})

test('without a desk the graph shows what this node knows: its own verdicts, and on whose word the others are', () => {
  const members = [member(self), member(ada), member(bob, { vouchedBy: [ada], connected: false })]
  const graph = graphOf(after([lookAt(1, { members })]))
  expect(graph.edges).toEqual([
    { from: self, to: ada, kind: 'mutual' },
    { from: ada, to: bob, kind: 'by-word' },
  ])
})

test('with a desk the graph shows who believes whom anywhere, a killed node under its last identity, an intruder alone', () => {
  const seen = (node: string, state = 'alive') => ({
    ...{ node, state, phase: 'active', connected: true, self: false, vouchedBy: [] },
  })
  const living = desked([
    { node: self, members: [seen(ada), seen(bob)] },
    { node: ada, members: [seen(self), seen(bob)] },
    { node: bob, members: [seen(ada)] },
  ])
  const before = told(after([lookAt(1)]), { kind: 'desk', look: living })
  expect(graphOf(before).edges.map(({ kind }) => kind)).toEqual(['mutual', 'one-way', 'mutual'])
  expect(attestationRows(graphOf(before)).map(({ name, by }) => [name, by])).toEqual([
    ['node-0', 'node-1'],
    ['node-1', 'node-0, node-2'],
    ['node-2', 'node-0, node-1'],
  ])
  const killed = desked([
    { node: self, members: [seen(ada), seen(bob, 'dead')] },
    { node: ada, members: [seen(self), seen(bob, 'dead')] },
    { node: null, phase: null, isRunning: false },
    { name: 'intruder-1', isExtra: true, node: 'eve', phase: 'joining' },
  ])
  const graph = graphOf(told(before, { kind: 'desk', look: killed }))
  expect(graph.nodes.map(({ id, state }) => [id, state])).toEqual([
    [self, 'alive'],
    [ada, 'alive'],
    [bob, 'dead'],
    ['eve', 'refused'],
  ])
  expect(graph.edges).toEqual([{ from: self, to: ada, kind: 'mutual' }])
})

test('replicas agree in words: across the testnet by their own roots, here but for a beat under way', () => {
  const there = (roots: (string | null)[]) =>
    agreement(
      told(after([lookAt(1)]), { kind: 'desk', look: desked(roots.map(root => ({ root }))) }),
    )
  expect(there(['a', 'a', 'a'])).toEqual({ text: 'all 3 agree', tone: 'good' })
  expect(there(['a', 'b', null])).toEqual({ text: '2 roots in 2', tone: 'warning' })
  expect(there([null]).tone).toBe('calm')
  const here = (apartMs: number) =>
    agreement(
      after([
        lookAt(1, {
          members: [member(self), member(ada)],
          vitals: { ...base.vitals, members: [{ node: ada, beatAgesMs: [], root: 'b', apartMs }] },
        }),
      ]),
    )
  expect(here(900).tone).toBe('good')
  expect(here(30_000).text).toBe('2 roots in 2')
})

test('a histogram shows its span without empty ends, and what took longer than all', () => {
  expect(bucketsOf({ boundsMs: [1, 2, 1000], counts: [0, 0, 0, 0] })).toEqual([])
  expect(bucketsOf({ boundsMs: [1, 2, 1000], counts: [0, 3, 0, 1] })).toEqual([
    { label: '≤ 2 ms', count: 3 },
    { label: '≤ 1 s', count: 0 },
    { label: '> 1 s', count: 1 },
  ])
  expect([59, 61, 3_700].map(spanText)).toEqual(['59 s', '1 min', '1 h 1 min'])
})
