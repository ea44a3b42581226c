/** What moves, in views of bounded size. */
import { expect, test } from 'vitest'
import type { NodeId } from '../../../src/base/ids.ts'
import { instant, milliseconds } from '../../../src/base/time.ts'
import { Agreement } from '../../../src/node/agreement.ts'
import { BeatTrace, traceSpan } from '../../../src/node/beat-trace.ts'
import { Histogram } from '../../../src/node/histogram.ts'

const ada = 'ada' as NodeId

test('a span is counted in the first bucket that holds it, and the longest in the last', () => {
  const histogram = new Histogram()
  const { boundsMs } = histogram.view()
  for (const bound of boundsMs) histogram.add(milliseconds(bound))
  histogram.add(milliseconds(0))
  histogram.add(milliseconds(1e9))
  const { counts } = histogram.view()
  expect(counts).toEqual([2, ...boundsMs.slice(1).map(() => 1), 1])
  expect(boundsMs.toSorted((left, right) => left - right)).toEqual(boundsMs)
})

test('a trace tells how long ago beats came, forgets old ones, and is bounded whatever comes', () => {
  const trace = new BeatTrace()
  for (const at of [0, 500, 1_000]) trace.heard(ada, instant(at))
  expect(trace.ages(ada, instant(1_200))).toEqual([1_200, 700, 200])
  expect(trace.ages(ada, instant(traceSpan + 600))).toEqual([traceSpan - 400 + 0])
  for (let i = 0; i < 10_000; i++) trace.heard(ada, instant(2_000))
  expect(trace.ages(ada, instant(2_000)).length).toBeLessThanOrEqual(64)
  trace.forget(ada)
  expect(trace.ages(ada, instant(2_000))).toEqual([])
})

test('two replicas are apart from the last root that they shared, and not before anything is known', () => {
  const agreement = new Agreement()
  const root = (byte: number) => new Uint8Array(2).fill(byte)
  expect(agreement.with(ada, instant(0))).toBeUndefined()
  agreement.mine(root(1), instant(0))
  agreement.theirs(ada, root(1), instant(10))
  agreement.mine(root(2), instant(20))
  expect(agreement.with(ada, instant(50))).toEqual({ root: '0101', apartMs: 40 })
  agreement.theirs(ada, root(2), instant(60))
  expect(agreement.with(ada, instant(70))).toEqual({ root: '0202', apartMs: 0 })
})
