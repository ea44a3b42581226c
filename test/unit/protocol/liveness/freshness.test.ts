import { expect, test } from 'vitest'
import { type NodeId, nodeIdOfKey } from '../../../../src/base/ids.ts'
import { instant, seconds } from '../../../../src/base/time.ts'
import {
  Anchors,
  type Citable,
  chooseCitations,
} from '../../../../src/protocol/liveness/freshness.ts'

const id = (byte: number): NodeId => nodeIdOfKey(new Uint8Array(32).fill(byte))
const [me, ann, bob] = [id(1), id(2), id(3)]
const citation = (byte: number): Uint8Array => new Uint8Array(8).fill(byte)
const at = (second: number): ReturnType<typeof instant> => instant(second * 1000)

const rules = { interval: seconds(1), citationIntervals: 3 }

test('a beat of mine may be cited for three intervals and no longer', () => {
  const anchors = new Anchors(me, rules)
  anchors.sent(citation(1), at(10))
  expect(anchors.judge(ann, [citation(1)], at(13))).toEqual({ rootAt: at(10), citedMineAt: at(10) })
  expect(anchors.judge(ann, [citation(1)], at(13.001))).toBeUndefined()
  expect(anchors.judge(ann, [citation(2)], at(10))).toBeUndefined()
  expect(anchors.judge(ann, [], at(10))).toBeUndefined()
})

test('nobody makes a beat fresh by citing an own one', () => {
  const anchors = new Anchors(me, rules)
  anchors.accepted(ann, citation(1), { now: at(10), rootAt: at(9) })
  expect(anchors.judge(ann, [citation(1)], at(11))).toBeUndefined()
  expect(anchors.judge(bob, [citation(1)], at(11))).toEqual({ rootAt: at(9), citedMineAt: null })
})

test('a chain of citations is as old as the beat of mine that it began with', () => {
  const anchors = new Anchors(me, rules)
  anchors.accepted(ann, citation(1), { now: at(10), rootAt: at(2) })
  expect(anchors.judge(bob, [citation(1)], at(10))).toEqual({ rootAt: at(2), citedMineAt: null })
  expect(anchors.judge(bob, [citation(1)], at(10.001))).toBeUndefined()
})

test('the newest of several roots counts', () => {
  const anchors = new Anchors(me, rules)
  anchors.sent(citation(1), at(10))
  anchors.sent(citation(2), at(11))
  anchors.accepted(ann, citation(3), { now: at(11), rootAt: at(9) })
  const fresh = anchors.judge(bob, [citation(3), citation(2), citation(1)], at(11.5))
  expect(fresh).toEqual({ rootAt: at(11), citedMineAt: at(11) })
})

test('a flood of accepted beats pushes out only beats of its own author', () => {
  const anchors = new Anchors(me, rules)
  anchors.sent(citation(200), at(10))
  for (let beat = 0; beat < 100; beat++) {
    anchors.accepted(ann, citation(beat), { now: at(10), rootAt: at(10) })
  }
  expect(anchors.judge(bob, [citation(0)], at(10))).toBeUndefined()
  expect(anchors.judge(bob, [citation(99)], at(10))).toBeDefined()
  expect(anchors.judge(bob, [citation(200)], at(10))).toBeDefined()
})

test('who is no member any more makes nothing fresh', () => {
  const anchors = new Anchors(me, rules)
  anchors.accepted(ann, citation(1), { now: at(10), rootAt: at(10) })
  anchors.forget(ann)
  expect(anchors.judge(bob, [citation(1)], at(10))).toBeUndefined()
})

function candidates(count: number, of: Partial<Citable>): readonly (Citable & { name: string })[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `${of.isLive ? 'live' : 'stranger'} ${i}`,
    citation: citation(i),
    receivedAt: at(10),
    isLive: false,
    citedAt: null,
    ...of,
  }))
}

const options = { now: at(10), heardWithin: seconds(3), max: 32 } as const

test('strangers are cited first, and a crowd of them leaves places for the living', () => {
  const few = chooseCitations([...candidates(40, { isLive: true }), ...candidates(2, {})], options)
  expect(few.slice(0, 2).map(({ isLive }) => isLive)).toEqual([false, false])
  expect(few).toHaveLength(32)
  const crowd = [...candidates(500, {}), ...candidates(20, { isLive: true })]
  const chosen = chooseCitations(crowd, options)
  expect(chosen.filter(({ isLive }) => isLive)).toHaveLength(8)
  expect(chosen).toHaveLength(32)
  expect(chooseCitations(candidates(500, {}), options)).toHaveLength(32)
})

test('whoever waited longest is cited first, and what is too old to prove anything is not cited', () => {
  const waiting = candidates(40, { isLive: true }).map((candidate, i) => ({
    ...candidate,
    citedAt: i < 20 ? at(9) : at(8),
  }))
  const chosen = chooseCitations(waiting, options)
  expect(chosen.slice(0, 20).every(({ citedAt }) => citedAt === at(8))).toBe(true)
  expect(chooseCitations(candidates(5, { receivedAt: at(6.9) }), options)).toEqual([])
})
