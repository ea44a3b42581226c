import { expect, test } from 'vitest'
import type { TrustedVerdict } from '../../../../src/attestation/verdict.ts'
import {
  hours,
  type Instant,
  instant,
  minutes,
  seconds,
  type Timestamp,
} from '../../../../src/base/time.ts'
import { Roster } from '../../../../src/protocol/membership/roster.ts'
import type { AppraisedMember } from '../../../../src/protocol/membership/types.ts'
import { identity, manifest } from './people.ts'

const self = identity('self').member
const wallStart = 1_000_000_000

interface Clocks {
  now: Instant
  wall: number
}

function roster(limits: { live: number; newPerHour: number } = manifest.instanceLimits): {
  roster: Roster
  clocks: Clocks
  pass: (span: number) => void
} {
  const clocks: Clocks = { now: instant(0), wall: wallStart }
  const ports = { wall: () => clocks.wall as Timestamp }
  const options = { self, manifest: { ...manifest, instanceLimits: limits } }
  const pass = (span: number): void => {
    clocks.now = (clocks.now + span) as Instant
    clocks.wall += span
  }
  return { roster: new Roster(ports, options), clocks, pass }
}

function member(
  name: string,
  options: { instance?: string; expiresAt?: number } = {},
): AppraisedMember {
  const setup = options.instance === undefined ? {} : { instance: options.instance }
  const made = identity(name, setup).member
  const expiresAt = (options.expiresAt ?? wallStart + hours(24 * 365)) as Timestamp
  return { ...made, verdict: { ...made.verdict, expiresAt } }
}

test('a verdict lapses an evidence age after the first appraisal, unless a step-up renews it', () => {
  const { roster: one, clocks, pass } = roster()
  const bob = member('bob')
  one.admit(bob, clocks.now)
  pass(hours(1) - 1)
  expect(one.isMember(bob.node, clocks.now)).toBe(true)
  one.renew(bob.node, bob.verdict, clocks.now)
  pass(hours(1) - 1)
  expect(one.isMember(bob.node, clocks.now)).toBe(true)
  expect(one.isFresh(bob.node, clocks.now)).toBe(true)
  pass(1)
  expect(one.isMember(bob.node, clocks.now)).toBe(false)
  expect(one.fold(clocks.now)).toEqual([{ node: bob.node, code: 'VERDICT_EXPIRED' }])
})

test('appraising the same evidence again does not prolong a verdict', () => {
  const { roster: one, clocks, pass } = roster()
  const bob = member('bob')
  one.admit(bob, clocks.now)
  pass(minutes(59))
  expect(one.admit(bob, clocks.now)).toBe(false)
  pass(minutes(1))
  expect(one.isMember(bob.node, clocks.now)).toBe(false)
})

test('an identity whose verdict lapsed is believed for seconds when it returns, until it steps up', () => {
  const { roster: one, clocks, pass } = roster()
  const bob = member('bob')
  one.admit(bob, clocks.now)
  pass(hours(1))
  one.fold(clocks.now)
  one.admit(bob, clocks.now)
  pass(seconds(30))
  expect(one.isMember(bob.node, clocks.now)).toBe(false)
  one.fold(clocks.now)
  one.admit(bob, clocks.now)
  one.renew(bob.node, bob.verdict, clocks.now)
  pass(minutes(59))
  expect(one.isMember(bob.node, clocks.now)).toBe(true)
})

test('the earlier of both clocks ends a verdict: neither can be turned back to save it', () => {
  const date = wallStart + minutes(10)
  const early = roster()
  const bob = member('bob', { expiresAt: date })
  early.roster.admit(bob, early.clocks.now)
  early.clocks.wall = date
  expect(early.roster.isMember(bob.node, early.clocks.now)).toBe(false)
  const late = roster()
  late.roster.admit(bob, late.clocks.now)
  late.clocks.now = instant(minutes(10))
  late.clocks.wall = wallStart - hours(5)
  expect(late.roster.isMember(bob.node, late.clocks.now)).toBe(false)
})

test('a verdict that is over when it comes is not admitted', () => {
  const { roster: one, clocks } = roster()
  const bob = member('bob', { expiresAt: wallStart })
  expect(one.admissible(bob.node, bob.verdict, clocks.now)?.code).toBe('VERDICT_EXPIRED')
})

test('one platform instance has only so many live identities', () => {
  const { roster: one, clocks } = roster({ live: 3, newPerHour: 100 })
  const crowd = Array.from({ length: 4 }, (_, i) => member(`n${i}`, { instance: 'one machine' }))
  for (const who of crowd.slice(0, 3)) {
    expect(one.admissible(who.node, who.verdict, clocks.now)).toBeUndefined()
    one.admit(who, clocks.now)
  }
  const fourth = crowd[3] as AppraisedMember
  expect(one.admissible(fourth.node, fourth.verdict, clocks.now)).toEqual({
    code: 'INSTANCE_LIVE_LIMIT',
    facts: { living: 3, limit: 3 },
  })
  const elsewhere = member('elsewhere')
  expect(one.admissible(elsewhere.node, elsewhere.verdict, clocks.now)).toBeUndefined()
  const again = crowd[0] as AppraisedMember
  expect(one.admissible(again.node, again.verdict, clocks.now)).toBeUndefined()
  one.setLiveness(again.node, 'dead')
  expect(one.admissible(fourth.node, fourth.verdict, clocks.now)).toBeUndefined()
})

test('one platform instance makes only so many new identities an hour', () => {
  const { roster: one, clocks, pass } = roster({ live: 2, newPerHour: 3 })
  const restart = (i: number): string => {
    const who = member(`boot ${i}`, { instance: 'one machine' })
    const refusal = one.admissible(who.node, who.verdict, clocks.now)
    if (refusal !== undefined) return refusal.code
    one.admit(who, clocks.now)
    one.setLiveness(who.node, 'dead')
    one.fold(clocks.now)
    pass(seconds(10))
    return 'admitted'
  }
  // In the first hour also those that lived before: who meets the machine cannot tell them apart.
  for (let i = 0; i < 5; i++) expect(restart(i)).toBe('admitted')
  expect(restart(5)).toBe('INSTANCE_NEW_LIMIT')
  pass(minutes(60))
  // The last one is still known, so the machine is not new here any more.
  for (let i = 6; i < 9; i++) expect(restart(i)).toBe('admitted')
  expect(restart(9)).toBe('INSTANCE_NEW_LIMIT')
})

test('ten thousand restarts leave a roster as large as the network', () => {
  const { roster: one, clocks, pass } = roster({ live: 8, newPerHour: 1000 })
  const template = identity('template').member
  for (let i = 0; i < 10_000; i++) {
    const node = `12D3KooW${i}` as AppraisedMember['node']
    one.admit({ ...template, node }, clocks.now)
    if (i > 0) one.setLiveness(`12D3KooW${i - 1}` as AppraisedMember['node'], 'dead')
    one.fold(clocks.now)
    expect(one.members(clocks.now).length).toBeLessThanOrEqual(2)
    pass(seconds(10))
  }
  // The last of a machine stays until its verdict lapses: a lease must not shrink by a crash.
  one.setLiveness('12D3KooW9999' as AppraisedMember['node'], 'dead')
  one.fold(clocks.now)
  expect(one.members(clocks.now)).toHaveLength(1)
  pass(hours(1))
  one.fold(clocks.now)
  expect(one.members(clocks.now)).toHaveLength(0)
})

test('a phase only rises: words that come late make nobody joining again', () => {
  const { roster: one, clocks } = roster()
  const bob = member('bob')
  one.admit(bob, clocks.now)
  expect(one.setPhase(bob.node, 'active')).toBe(true)
  expect(one.setPhase(bob.node, 'joining')).toBe(false)
  expect(one.member(bob.node, clocks.now)?.phase).toBe('active')
})

test('rank counts live active members with smaller ids, and no others', () => {
  const { roster: one, clocks } = roster()
  const others = ['p', 'q', 'r', 's', 't', 'u'].map(name => member(name))
  const smaller = others.filter(({ node }) => node < self.node).length
  for (const who of others) {
    one.admit(who, clocks.now)
    one.setPhase(who.node, 'active')
  }
  expect(one.rank(clocks.now)).toBe(0)
  for (const who of others) one.connect(who.node, clocks.now)
  expect(one.rank(clocks.now)).toBe(smaller)
  for (const who of others) one.setLiveness(who.node, 'suspect')
  expect(one.rank(clocks.now)).toBe(0)
  for (const who of others) one.setLiveness(who.node, 'alive')
  expect(one.rank(clocks.now)).toBe(smaller)
})

test('a renewed verdict takes the place of the old one', () => {
  const { roster: one, clocks } = roster()
  const bob = member('bob')
  one.admit(bob, clocks.now)
  const patched: TrustedVerdict = { ...bob.verdict, tcb: 'SWHardeningNeeded' }
  one.renew(bob.node, patched, clocks.now)
  expect(one.member(bob.node, clocks.now)?.verdict.tcb).toBe('SWHardeningNeeded')
})
