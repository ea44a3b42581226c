/** When a node asks its TEE for newer evidence about its keys, what it takes, and what it says if none comes. */
import { expect, test } from 'vitest'
import type { Verdict } from '../../../src/attestation/verdict.ts'
import { fromUtf8, utf8 } from '../../../src/base/bytes.ts'
import { HostError } from '../../../src/base/errors.ts'
import type { Digest } from '../../../src/base/ids.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { hours, minutes, seconds, timestamp } from '../../../src/base/time.ts'
import { EventLog } from '../../../src/node/event-log.ts'
import { KeyEvidence } from '../../../src/node/key-evidence.ts'
import type { Evidence } from '../../../src/wire/evidence.ts'
import { seededRandom } from '../../fakes/beat-network.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

interface Said {
  readonly endsAt: number
  readonly instance?: string
}

const evidenceOf = (said: Said): Evidence => ({
  platform: 'fake',
  body: utf8(JSON.stringify(said)),
})

/** A node whose evidence at boot lives for three hours, and a TEE that `answer` stands for. */
function booted(seed = 1) {
  const time = new VirtualTime()
  const { clock, timers } = time
  const inHours = (span: number) => clock.wall() + hours(span)
  const world = {
    time,
    asked: [] as number[],
    answer: async (): Promise<Evidence> => evidenceOf({ endsAt: inHours(3) }),
    /** What this node says of all evidence, if it does not trust it. */
    refusal: undefined as Verdict | undefined,
    renewed: [] as Evidence[],
  }
  const appraise = ({ body }: Evidence): Verdict => {
    if (world.refusal !== undefined) return world.refusal
    const { endsAt, instance = 'one' }: Said = JSON.parse(fromUtf8(body) ?? '')
    if (endsAt <= clock.wall()) return { kind: 'refused', code: 'EVIDENCE_EXPIRED', facts: {} }
    return {
      ...{ kind: 'trusted', platform: 'fake', instance: instance as Digest, owner: null },
      ...{ measurement: 'app', registers: {}, tcb: 'UpToDate', testnet: true },
      expiresAt: timestamp(Math.min(endsAt, inHours(1))),
      evidenceEndsAt: timestamp(endsAt),
    }
  }
  const attester = {
    platform: 'fake',
    quote: () => {
      world.asked.push(time.now)
      return world.answer()
    },
  }
  const host = { attester, clock, timers, random: seededRandom(seed), log: silentLogger }
  const ports = {
    ...{ host, events: new EventLog(host), reportData: new Uint8Array(64), appraise },
    now: () => clock.wall(),
    renewed: (evidence: Evidence) => void world.renewed.push(evidence),
  }
  const first = evidenceOf({ endsAt: inHours(3) })
  const evidence = new KeyEvidence(ports, first)
  evidence.start()
  return { world, evidence, first, inHours, clock }
}

test('evidence is renewed after half to two thirds of its life, at moments that chance spreads', async () => {
  const moments = new Set<number>()
  for (let seed = 1; seed <= 12; seed++) {
    const { world, evidence } = booted(seed)
    await world.time.advance(hours(3))
    const [at = 0] = world.asked
    expect(at).toBeGreaterThanOrEqual(hours(1.5))
    expect(at).toBeLessThanOrEqual(hours(2))
    expect(evidence.current).toBe(world.renewed[0])
    moments.add(Math.round(at / minutes(1)))
    evidence.stop()
  }
  expect(moments.size).toBeGreaterThan(6)
})

test('a TEE that fails is asked again with ever longer rests, the old evidence stays, and status says so', async () => {
  const { world, evidence, first } = booted()
  world.answer = async () => {
    throw new HostError('TEE_BUSY', 'busy')
  }
  await world.time.until(() => world.asked.length === 2, hours(3))
  expect(evidence.trouble).toBeUndefined()
  await world.time.until(() => world.asked.length === 4, hours(3))
  expect(evidence.trouble).toMatchObject({ code: 'EVIDENCE_NOT_RENEWED' })
  await world.time.advance(hours(1))
  expect(evidence.current).toBe(first)
  // Rests of five seconds to five minutes: 12 to 24 in an hour at the end, and half a dozen before.
  expect(world.asked.length).toBeLessThan(40)
  expect(world.asked.length).toBeGreaterThan(12)
  world.answer = async () => evidenceOf({ endsAt: world.time.clock.wall() + hours(3) })
  await world.time.advance(minutes(5))
  expect(evidence.current).toBe(world.renewed[0])
  expect(evidence.trouble).toBeUndefined()
  evidence.stop()
})

test('evidence that has ended is said to have, however seldom the TEE failed', async () => {
  const { world, evidence } = booted()
  world.answer = () => new Promise(() => undefined)
  await world.time.advance(hours(3) - seconds(1))
  expect(evidence.trouble).toBeUndefined()
  await world.time.advance(seconds(1))
  expect(evidence.trouble?.text).toContain('ended at')
  evidence.stop()
})

test('a TEE that never answers has one request at a time', async () => {
  const { world, evidence } = booted()
  world.answer = () => new Promise(() => undefined)
  await world.time.advance(hours(12))
  expect(world.asked).toHaveLength(1)
  evidence.stop()
})

const useless: readonly [string, (inHours: (span: number) => number) => Said][] = [
  ['of another machine', inHours => ({ endsAt: inHours(3), instance: 'two' })],
  ['that ends no later', inHours => ({ endsAt: inHours(0.25) })],
  ['that has ended', inHours => ({ endsAt: inHours(-1) })],
]
test.each(useless)('evidence %s is not shown to anybody', async (_, said) => {
  const { world, evidence, first, inHours } = booted()
  world.answer = async () => evidenceOf(said(inHours))
  await world.time.advance(hours(2.5))
  expect(world.asked.length).toBeGreaterThan(2)
  expect(evidence.current).toBe(first)
  expect(world.renewed).toEqual([])
  evidence.stop()
})

test('a machine that has a new certificate only once the old one ended shows it seconds later', async () => {
  const { world, evidence, inHours } = booted()
  const end = inHours(3)
  world.answer = async () =>
    evidenceOf({ endsAt: world.time.clock.wall() < end ? end : world.time.clock.wall() + hours(3) })
  await world.time.advance(hours(3) + seconds(10))
  expect(world.renewed).toHaveLength(1)
  evidence.stop()
})

test('what the manifest does not admit is renewed all the same: the next one may admit it', async () => {
  const { world, evidence } = booted()
  world.refusal = { kind: 'refused', code: 'MEASUREMENT_MISMATCH', facts: {} }
  await world.time.advance(hours(4))
  expect(world.renewed.length).toBeGreaterThan(1)
  evidence.stop()
})

test('endorsements that last longer put the renewal off without a quote', async () => {
  const { world, evidence } = booted()
  const { clock } = world.time
  world.refusal = {
    ...{ kind: 'trusted', platform: 'fake', instance: 'one' as Digest, owner: null },
    ...{ measurement: 'app', registers: {}, tcb: 'UpToDate', testnet: true },
    ...{ expiresAt: clock.wall(), evidenceEndsAt: timestamp(clock.wall() + hours(30)) },
  }
  await world.time.advance(hours(14))
  expect(world.asked).toEqual([])
  evidence.stop()
})

test('who stops asks no more, and takes nothing that comes late', async () => {
  const { world, evidence, first, inHours } = booted()
  const late = Promise.withResolvers<Evidence>()
  world.answer = () => late.promise
  await world.time.until(() => world.asked.length === 1, hours(3))
  evidence.stop()
  late.resolve(evidenceOf({ endsAt: inHours(9) }))
  await world.time.advance(hours(24))
  expect(world.asked).toHaveLength(1)
  expect(evidence.current).toBe(first)
  expect(world.renewed).toEqual([])
  expect(world.time.pending).toBe(0)
})
