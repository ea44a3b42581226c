import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeId } from '../../../src/base/ids.ts'
import { ReplayWindow, replayWidth } from '../../../src/wire/replay-window.ts'

const alice = 'alice' as NodeId
const bob = 'bob' as NodeId

test('a replayed sequence is refused: the window is switched on', () => {
  const window = new ReplayWindow()
  expect(window.accept(alice, 'delta', 7)).toBe('fresh')
  expect(window.accept(alice, 'delta', 7)).toBe('replayed')
  expect(window.judge(alice, 'delta', 7)).toBe('replayed')
})

test('nothing below the first accepted sequence is accepted', () => {
  const window = new ReplayWindow()
  window.accept(alice, 'delta', 100)
  expect(window.accept(alice, 'delta', 99)).toBe('too-old')
  expect(window.accept(alice, 'delta', 0)).toBe('too-old')
})

test('sequences may arrive in any order inside the window', () => {
  const window = new ReplayWindow()
  window.accept(alice, 'delta', 0)
  expect(window.accept(alice, 'delta', replayWidth - 1)).toBe('fresh')
  expect(window.accept(alice, 'delta', 1)).toBe('fresh')
  expect(window.accept(alice, 'delta', 1)).toBe('replayed')
  expect(window.accept(alice, 'delta', 0)).toBe('replayed')
})

test('a sequence below the window is refused although it never came', () => {
  const window = new ReplayWindow()
  window.accept(alice, 'delta', 0)
  window.accept(alice, 'delta', replayWidth + 5)
  expect(window.accept(alice, 'delta', 5)).toBe('too-old')
  expect(window.accept(alice, 'delta', 6)).toBe('fresh')
})

test('authors and topics have windows of their own', () => {
  const window = new ReplayWindow()
  window.accept(alice, 'delta', 3)
  expect(window.accept(bob, 'delta', 3)).toBe('fresh')
  expect(window.accept(alice, 'heartbeat', 3)).toBe('fresh')
})

test('judging leaves no trace, so an unverified message uses up nothing', () => {
  const window = new ReplayWindow()
  expect(window.judge(alice, 'delta', 3)).toBe('fresh')
  expect(window.judge(alice, 'delta', 9)).toBe('fresh')
  expect(window.accept(alice, 'delta', 2)).toBe('fresh')
})

test('sequences up to the largest safe number are told apart', () => {
  const window = new ReplayWindow()
  const top = Number.MAX_SAFE_INTEGER
  for (let back = 600; back >= 0; back -= 3) {
    expect(window.accept(alice, 'delta', top - back)).toBe('fresh')
    expect(window.accept(alice, 'delta', top - back)).toBe('replayed')
  }
  expect(window.accept(alice, 'delta', top - 1)).toBe('fresh')
})

test('the authors remembered are bounded, and the longest silent one is forgotten first', () => {
  const window = new ReplayWindow(2)
  window.accept(alice, 'delta', 1)
  window.accept(bob, 'delta', 1)
  window.accept(alice, 'delta', 2)
  window.accept('carol' as NodeId, 'delta', 1)
  expect(window.judge(alice, 'delta', 2)).toBe('replayed')
  expect(window.judge(bob, 'delta', 1)).toBe('fresh')
})

test('a forgotten author starts anew on every topic', () => {
  const window = new ReplayWindow()
  window.accept(alice, 'delta', 5)
  window.accept(alice, 'heartbeat', 5)
  window.forget(alice)
  expect(window.judge(alice, 'delta', 5)).toBe('fresh')
  expect(window.judge(alice, 'heartbeat', 5)).toBe('fresh')
})

test('the window decides as a list of all accepted sequences would', () => {
  const jump = fc.oneof(fc.integer({ min: -40, max: 40 }), fc.integer({ min: -1100, max: 2100 }))
  fc.assert(
    fc.property(fc.nat(5000), fc.array(jump, { maxLength: 200 }), (start, jumps) => {
      const window = new ReplayWindow()
      const accepted = new Set<number>()
      let [at, first, highest] = [start, -1, -1]
      for (const step of [0, ...jumps]) {
        at = Math.max(0, at + step)
        if (first < 0) first = at
        const isOld = at < first || at <= highest - replayWidth
        const expected = isOld ? 'too-old' : accepted.has(at) ? 'replayed' : 'fresh'
        expect(window.accept(alice, 'delta', at)).toBe(expected)
        if (expected !== 'fresh') continue
        accepted.add(at)
        highest = Math.max(highest, at)
      }
    }),
  )
})
