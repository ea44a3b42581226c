import { expect, test } from 'vitest'
import { instant } from '../../../../src/base/time.ts'
import type { Commitment } from '../../../../src/protocol/replica/commitment.ts'
import { RestingRoots } from '../../../../src/protocol/replica/resting-roots.ts'

const roots = {
  root: new Uint8Array(32),
  publicRoot: new Uint8Array(32),
  privateRoot: new Uint8Array(32),
}

/** A commitment with `pending` leaves out of date. */
const unhashed = (pending: number) => {
  const state = { pending, changes: 0, wholes: 0 }
  const commitment = {
    get pending() {
      return state.pending
    },
    get changes() {
      return state.changes
    },
    advance: (leavesMax: number) => {
      state.pending -= Math.min(state.pending, leavesMax)
    },
    roots: () => {
      state.wholes++
      state.pending = 0
      return roots
    },
  }
  return { state, resting: new RestingRoots(commitment as unknown as Commitment) }
}

test('a little is hashed at once', () => {
  const { resting } = unhashed(900)
  expect(resting.read()).toBe(roots)
  expect(resting.wakeAt()).toBeNull()
})

test('much is hashed in slices with rests, and only after somebody asked', () => {
  const { resting, state } = unhashed(3_500)
  resting.step(instant(200))
  expect(state.pending).toBe(3_500)
  expect(resting.read()).toBeUndefined()
  expect(state.wholes).toBe(0)
  resting.step(instant(300))
  resting.step(instant(305))
  expect(state.pending).toBe(2_500)
  expect(resting.wakeAt()).toBe(310)
  resting.step(instant(310))
  resting.step(instant(320))
  expect(state.pending).toBe(500)
  expect(resting.wakeAt()).toBeNull()
  expect(resting.read()).toBe(roots)
})

test('while entries change nothing is hashed, but not for ever', () => {
  const { resting, state } = unhashed(3_500)
  resting.step(instant(0))
  expect(resting.read()).toBeUndefined()
  for (let now = 10; now < 5_000; now += 10) {
    state.changes++
    resting.step(instant(now))
  }
  expect(state.pending).toBe(3_500)
  state.changes++
  resting.step(instant(5_000))
  expect(state.pending).toBe(2_500)
})
