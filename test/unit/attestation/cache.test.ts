import { expect, test } from 'vitest'
import type { Appraisal } from '../../../src/attestation/appraisal.ts'
import { VerdictCache } from '../../../src/attestation/cache.ts'
import { type Endorsement, noEndorsements } from '../../../src/attestation/endorsements.ts'
import type { Policy } from '../../../src/attestation/policy.ts'
import { after, type Duration, hours, instant, minutes, seconds } from '../../../src/base/time.ts'
import { keyReportData } from '../../../src/wire/evidence.ts'
import { epoch, nextManifest, testNetwork, testNode } from '../../fixtures/network.ts'
import { withDocument } from '../../fixtures/simulated.ts'

const network = testNetwork()
const [a, b] = [await testNode(network, 'a'), await testNode(network, 'b')]
const start = instant(1_000)

/** Counts verifications: each reads the anchors of the policy once. */
function counted(policy: Policy): { readonly policy: Policy; readonly appraisals: () => number } {
  let count = 0
  const spied = Object.defineProperty({ ...policy }, 'testAnchors', {
    get: () => {
      count += 1
      return policy.testAnchors
    },
  })
  return { policy: spied, appraisals: () => count }
}

const list = (...bytes: number[]): Endorsement => ({ kind: 'crl', bytes: Uint8Array.from(bytes) })

function appraisal(of: typeof a, change: Partial<Appraisal> = {}): Appraisal {
  return {
    evidence: of.evidence,
    expectedReportData: keyReportData(network.network, 'simulated', of.keys),
    endorsements: noEndorsements,
    policy: network.policy,
    now: epoch,
    ...change,
  }
}

const later = (span: Duration) => ({ now: after(epoch, span), at: after(start, span) })

test('a second look at the same evidence costs no appraisal', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  const first = cache.appraise(appraisal(a, { policy }), start)
  expect(first.kind).toBe('trusted')
  expect(cache.appraise(appraisal(a, { policy }), start)).toEqual(first)
  expect(appraisals()).toBe(1)
})

test('evidence that is cached does not pass for the keys of somebody else', () => {
  const cache = new VerdictCache()
  cache.appraise(appraisal(a), start)
  expect(cache.appraise(appraisal(b, { evidence: a.evidence }), start)).toMatchObject({
    code: 'REPORT_DATA_MISMATCH',
  })
  expect(cache.appraise(appraisal(a), start).kind).toBe('trusted')
})

test('other endorsements and another policy are other questions', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  cache.appraise(appraisal(a, { policy }), start)
  cache.appraise(appraisal(a, { policy, endorsements: { items: [list(1)] } }), start)
  expect(appraisals()).toBe(2)
  const stricter = nextManifest(network, manifest => ({
    ...manifest,
    join: { ...manifest.join, pins: [b.instance] },
  }))
  expect(cache.appraise(appraisal(a, { policy: stricter.policy }), start)).toMatchObject({
    code: 'INSTANCE_NOT_PINNED',
  })
})

test('a verdict is kept until its expiry and not a millisecond longer', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  const verdict = cache.appraise(appraisal(a, { policy }), start)
  expect(verdict).toMatchObject({ expiresAt: after(epoch, hours(1)) })
  const justBefore = later((hours(1) - 1) as Duration)
  expect(cache.appraise(appraisal(a, { policy, now: justBefore.now }), justBefore.at)).toEqual(
    verdict,
  )
  expect(appraisals()).toBe(1)
  const expired = later(hours(1))
  cache.appraise(appraisal(a, { policy, now: expired.now }), expired.at)
  expect(appraisals()).toBe(2)
})

test('a wall clock that is held still or set back does not prolong a verdict', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  cache.appraise(appraisal(a, { policy }), start)
  cache.appraise(appraisal(a, { policy }), after(start, hours(1)))
  expect(appraisals()).toBe(2)
})

test('a wall clock that jumps ahead ends a verdict although little time passed', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  cache.appraise(appraisal(a, { policy }), start)
  cache.appraise(appraisal(a, { policy, now: after(epoch, hours(1)) }), start)
  expect(appraisals()).toBe(2)
})

const broken = withDocument(a.evidence, document => ({
  ...document,
  signature: document.signature.with(0, (document.signature[0] ?? 0) ^ 1),
}))

test('what follows from the bytes alone is refused from memory for a minute', () => {
  const cache = new VerdictCache()
  const { policy, appraisals } = counted(network.policy)
  const refusal = cache.appraise(appraisal(a, { policy, evidence: broken }), start)
  expect(refusal).toMatchObject({ code: 'SIGNATURE_INVALID' })
  const soon = later((seconds(60) - 1) as Duration)
  const again = appraisal(b, { policy, evidence: broken, now: soon.now })
  expect(cache.appraise(again, soon.at)).toEqual(refusal)
  expect(appraisals()).toBe(1)
  cache.appraise(again, after(start, seconds(60)))
  expect(appraisals()).toBe(2)
})

test('a refusal of broken bytes does not touch the good evidence', () => {
  const cache = new VerdictCache()
  cache.appraise(appraisal(a, { evidence: broken }), start)
  expect(cache.appraise(appraisal(a), start).kind).toBe('trusted')
})

test('what hangs on time, policy or expectation is never refused from memory', async () => {
  const cache = new VerdictCache()
  const early = await testNode(network, 'early', { notBefore: after(epoch, minutes(1)) })
  expect(cache.appraise(appraisal(early), start)).toMatchObject({ code: 'EVIDENCE_NOT_YET_VALID' })
  const soon = later(minutes(1))
  expect(cache.appraise(appraisal(early, { now: soon.now }), soon.at).kind).toBe('trusted')
  const wrongData = appraisal(a, { expectedReportData: new Uint8Array(64) })
  expect(cache.appraise(wrongData, start)).toMatchObject({ code: 'REPORT_DATA_MISMATCH' })
  const strange = appraisal(a, { policy: testNetwork().policy })
  expect(cache.appraise(strange, start)).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
  expect(cache.appraise(appraisal(a), start).kind).toBe('trusted')
})

test('a new policy drops the verdicts of the old one', () => {
  const cache = new VerdictCache()
  cache.appraise(appraisal(a), start)
  cache.appraise(appraisal(a, { evidence: broken }), start)
  cache.policyChanged(network.policy.digest)
  expect(cache.size).toBe(2)
  const next = nextManifest(network, manifest => ({
    ...manifest,
    join: { ...manifest.join, evidenceAgeMs: 1_000 },
  }))
  cache.policyChanged(next.policy.digest)
  expect(cache.size).toBe(0)
})

test('removal and missed liveness drop a machine or one piece of evidence, others stay', () => {
  const cache = new VerdictCache()
  const fill = () => {
    cache.appraise(appraisal(a), start)
    cache.appraise(appraisal(b), start)
  }
  fill()
  cache.instanceDropped(a.instance)
  expect(cache.size).toBe(1)
  fill()
  cache.evidenceDropped(b.evidenceDigest)
  expect(cache.size).toBe(1)
})

test('the cache is bounded and forgets what was used longest ago', () => {
  const cache = new VerdictCache({ entriesMax: 2, refusalSpan: seconds(60) })
  const { policy, appraisals } = counted(network.policy)
  const ask = (of: typeof a, items: Endorsement[]) =>
    cache.appraise(appraisal(of, { policy, endorsements: { items } }), start)
  ask(a, [])
  ask(b, [])
  ask(a, [])
  ask(a, [list(1)])
  expect([appraisals(), cache.size]).toEqual([3, 2])
  ask(a, [])
  expect(appraisals()).toBe(3)
  ask(b, [])
  expect(appraisals()).toBe(4)
  for (let i = 0; i < 10; i++) {
    const junk = { platform: 'simulated', body: Uint8Array.of(i) }
    cache.appraise(appraisal(a, { evidence: junk }), start)
  }
  expect(cache.size).toBe(4)
})
