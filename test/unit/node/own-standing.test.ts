import { expect, test } from 'vitest'
import type { Refusal, TrustedVerdict } from '../../../src/attestation/verdict.ts'
import { timestamp } from '../../../src/base/time.ts'
import type { EventLog } from '../../../src/node/event-log.ts'
import { OwnStanding } from '../../../src/node/own-standing.ts'
import { VirtualTime } from '../../fakes/virtual-time.ts'
import { testnet } from '../../fixtures/manifests.ts'

function watched(first: Refusal | undefined) {
  const time = new VirtualTime()
  const told = { judged: 0, passed: 0, refusal: first }
  const standing = new OwnStanding({
    timers: time.timers,
    events: { note: () => undefined } as unknown as EventLog,
    now: () => timestamp(Date.UTC(2026, 10, 1) + time.now),
    manifest: () => testnet,
    judged: () => {
      told.judged++
      return { verdict: {} as TrustedVerdict, refusal: told.refusal }
    },
    windowPassed: () => void told.passed++,
  })
  standing.start()
  return { time, told, standing }
}

test('a node whose own evidence waits for endorsements looks again until they are there, and then all verdicts form anew', async () => {
  const { time, told, standing } = watched({ code: 'UNDETERMINED', facts: {} })
  await time.advance(10_000)
  expect(told.judged).toBeGreaterThan(4)
  expect(told.passed).toBe(0)
  told.refusal = undefined
  await time.advance(2_000)
  expect(standing.refusal).toBeUndefined()
  expect(told.passed).toBe(1)
  const { judged } = told
  await time.advance(20_000)
  expect([told.judged, told.passed]).toEqual([judged, 1])
  standing.stop()
})

test('a node that is refused for good asks its verdict again only when a window passes', async () => {
  const { time, told, standing } = watched({ code: 'MEASUREMENT_MISMATCH', facts: {} })
  await time.advance(20_000)
  expect([told.judged, told.passed]).toEqual([1, 0])
  standing.stop()
})
