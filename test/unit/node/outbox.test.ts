import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nodeIdOfKey } from '../../../src/base/ids.ts'
import { RateBudget } from '../../../src/base/rate-budget.ts'
import { type Clock, instant, seconds, timestamp } from '../../../src/base/time.ts'
import type { Net } from '../../../src/host/net/port.ts'
import { AuthorBudgets, authorRates, ownRate } from '../../../src/node/author-budgets.ts'
import { Outbox } from '../../../src/node/outbox.ts'
import { presetNames } from '../../../src/node/presets.ts'
import type { Traffic } from '../../../src/node/traffic.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'

function world(rate = ownRate(authorRates.wan)) {
  const time = new VirtualTime()
  const sent: { readonly at: number; readonly bytes: number }[] = []
  const net = {
    publish: async (_topic: string, data: Uint8Array) => {
      sent.push({ at: time.now, bytes: data.length })
      return { recipients: 1 }
    },
  } as unknown as Net
  const traffic = {
    sealEnvelope: (_topic: string, _sequence: number, payload: Uint8Array) => payload,
  }
  const outbox = new Outbox(
    { traffic: traffic as unknown as Traffic, net: () => net, host: time },
    { rate },
  )
  return { time, sent, outbox }
}

test('batches go out at once until the burst is used up, then no faster than others take them', async () => {
  const { time, sent, outbox } = world()
  let sequence = 0
  // As the replica does: the next batch is made when the last was handed over.
  const next = (): void => outbox.publishBatch(sequence++, new Uint8Array(120_000), next)
  next()
  await time.advance(1)
  const atOnce = sent.length
  expect(atOnce).toBeGreaterThan(30)
  await time.advance(seconds(60))
  outbox.stop()
  const others = new VirtualTime()
  const budget = new RateBudget(authorRates.wan, others.clock)
  for (const { at, bytes } of sent) {
    await others.advance(at - others.now)
    expect(budget.spend(bytes)).toBe(true)
  }
  const perSecond = ((sent.length - atOnce) * 120_000) / 60
  expect(perSecond).toBeGreaterThan(0.75 * authorRates.wan.bytesPerSecond)
})

test('in a flood the next batch waits a moment; small, full and single ones do not', async () => {
  for (const [bytes, perSecond] of [
    [100, Number.POSITIVE_INFINITY],
    [20_000, 250],
    [100_000, Number.POSITIVE_INFINITY],
  ] as const) {
    const { time, sent, outbox } = world(authorRates.local)
    let sequence = 0
    const next = (): void => {
      if (sequence < 1000) outbox.publishBatch(sequence++, new Uint8Array(bytes), next)
    }
    next()
    expect(sent).toHaveLength(1)
    await time.advance(seconds(1))
    outbox.stop()
    expect(sent.length).toBeGreaterThan(Math.min(perSecond, 999) - 2)
    expect(sent.length).toBeLessThanOrEqual(Math.min(perSecond, 1000) + 2)
  }
})

test('a stopped outbox sends nothing more', async () => {
  const { time, sent, outbox } = world()
  const next = (): void => outbox.publishBatch(0, new Uint8Array(200_000), next)
  next()
  await time.advance(1)
  const count = sent.length
  outbox.stop()
  await time.advance(seconds(60))
  expect(sent).toHaveLength(count)
  expect(time.pending).toBe(0)
})

test.each(presetNames)(
  'an honest bulk write trips no budget of others under preset %s, though it comes in heaps of a second',
  preset => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 200, max: 122_880 }), { minLength: 1, maxLength: 40 }),
        fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 20 }),
        (sizes, delays) => {
          const author = nodeIdOfKey(new Uint8Array(32).fill(7))
          let now = 0
          const clock: Clock = { monotonic: () => instant(now), wall: () => timestamp(now) }
          // What leaves when, at the fastest that an outbox allows itself, for half a minute.
          const own = new RateBudget(ownRate(authorRates[preset]), clock)
          const sent: { readonly at: number; readonly bytes: number }[] = []
          for (let i = 0; now < 30_000 && sent.length < 5_000; i++) {
            const bytes = sizes[i % sizes.length] ?? 0
            if (own.spend(bytes)) sent.push({ at: now, bytes })
            else now += own.wait(bytes)
          }
          // Links hold back what comes behind, and let it go at once.
          now = 0
          const budgets = new AuthorBudgets({ clock }, { rate: authorRates[preset] })
          for (const [i, { at, bytes }] of sent.entries()) {
            now = Math.max(now, at + (delays[i % delays.length] ?? 0))
            expect(budgets.allows(author, 'delta', bytes)).toBe(true)
            budgets.charge(author, 'delta', bytes)
          }
          expect(budgets.exceeded).toBe(0)
        },
      ),
      { numRuns: 30 },
    )
  },
)
