import { expect, test } from 'vitest'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { instant } from '../../../src/base/time.ts'
import { Agreement } from '../../../src/node/agreement.ts'
import { Counts } from '../../../src/node/counts.ts'

const disconnects = (counts: Counts) =>
  counts.families().find(({ name }) => name === 'coterie_net_peer_disconnects_total')?.samples ?? []

test('a peer that makes up a new reason each time cannot grow the table of counts', () => {
  const counts = new Counts()
  for (let i = 0; i < 1_000; i++) {
    counts.add('coterie_net_peer_disconnects_total', { reason: `MADE_UP_${i}` })
  }
  const samples = disconnects(counts)
  expect(samples).toHaveLength(65)
  expect(samples.at(-1)).toEqual({ labels: { reason: 'other' }, value: 1_000 - 64 })
  counts.add('coterie_net_peer_disconnects_total', { reason: 'MADE_UP_3' }, 2)
  expect(disconnects(counts)[3]?.value).toBe(3)
})

test('what a peer says in place of a code is cut to a code', () => {
  const counts = new Counts()
  counts.add('coterie_net_peer_disconnects_total', { reason: `"}\n${'x'.repeat(1_000)}` })
  expect(disconnects(counts)[0]?.labels).toEqual({ reason: `___${'x'.repeat(45)}` })
})

test('every counted metric is there before it first happens, so that an alert can see it rise', () => {
  const families = new Counts().families()
  expect(families.length).toBeGreaterThan(4)
  for (const { samples, name } of families) {
    expect(samples).toEqual([])
    expect(name).toMatch(/_total$/)
  }
})

const root = (number: number) => new Uint8Array(32).fill(number)
const other = nodeIdOfKey(root(9))

test('replicas that follow each other do not diverge, one that stays behind does', () => {
  const agreement = new Agreement()
  const at = (seconds: number) => instant(seconds * 1000)
  for (let beat = 1; beat <= 20; beat++) {
    agreement.mine(root(beat), at(beat))
    agreement.theirs(other, root(beat - 1), at(beat))
    expect(agreement.longest(at(beat))).toBe(0)
  }
  for (let beat = 21; beat <= 30; beat++) {
    agreement.mine(root(beat), at(beat))
    agreement.theirs(other, root(200), at(beat))
  }
  expect(agreement.longest(at(30))).toBe(10_000)
  agreement.theirs(other, root(30), at(31))
  expect(agreement.longest(at(31))).toBe(0)
})

test('whoever was ahead is caught up with, and whoever left diverges no more', () => {
  const agreement = new Agreement()
  agreement.mine(root(1), instant(0))
  agreement.theirs(other, root(1), instant(0))
  agreement.theirs(other, root(2), instant(1_000))
  expect(agreement.longest(instant(4_000))).toBe(4_000)
  agreement.mine(root(2), instant(5_000))
  expect(agreement.longest(instant(9_000))).toBe(0)
  agreement.mine(root(3), instant(10_000))
  expect(agreement.longest(instant(11_000))).toBe(6_000)
  agreement.forget(other)
  expect(agreement.longest(instant(11_000))).toBe(0)
})
