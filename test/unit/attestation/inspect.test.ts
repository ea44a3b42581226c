import { expect, test } from 'vitest'
import type { Appraisal } from '../../../src/attestation/appraisal.ts'
import { appraise } from '../../../src/attestation/appraise.ts'
import { meaningOf } from '../../../src/attestation/check-words.ts'
import { earOf } from '../../../src/attestation/ear.ts'
import { noEndorsements } from '../../../src/attestation/endorsements.ts'
import { inspect } from '../../../src/attestation/inspect.ts'
import type { InspectionRequest } from '../../../src/attestation/inspection.ts'
import { isPlatformName, platformNames } from '../../../src/attestation/platforms.ts'
import { appraiserOf } from '../../../src/attestation/verifiers.ts'
import { after, days } from '../../../src/base/time.ts'
import { currentTcb, makeTestnetAuthority, registersOf } from '../../../src/host/tee/machine.ts'
import { keyReportData } from '../../../src/wire/evidence.ts'
import { epoch, nextManifest, testNetwork, testNode } from '../../fixtures/network.ts'

const network = testNetwork()
const node = await testNode(network, 'a')
const { measurement } = registersOf('coterie-test')
const { policy } = network

const request = (change: Partial<InspectionRequest> = {}): InspectionRequest => ({
  evidence: node.evidence,
  endorsements: noEndorsements,
  now: epoch,
  policy,
  ...change,
})
const look = (change: Partial<InspectionRequest> = {}) => inspect(request(change))
const reportData = keyReportData(network.network, 'simulated', node.keys)
const outcomesOf = ({ checks }: ReturnType<typeof inspect>): Readonly<Record<string, string>> =>
  Object.fromEntries(checks.map(({ id, outcome }) => [id, outcome]))

test('trusted evidence shows every check of the platform and the policy, in order, with what was found', () => {
  const inspection = look({ reportData })
  expect(inspection).toMatchObject({
    verdict: 'trusted',
    code: 'TRUSTED',
    validUntil: '2026-11-01T01:00:00.000Z',
    policy: policy.digest,
    missing: [],
    fields: { measurement, debug: false },
  })
  expect(inspection.checks.map(({ id }) => id)).toEqual([
    ...['size', 'form', 'instance', 'chain', 'report-signature', 'platform-allowed'],
    ...['debug', 'tcb', 'privilege-level', 'measurement', 'report-data', 'pins'],
  ])
  expect(outcomesOf(inspection)).toMatchObject({ measurement: 'pass', pins: 'skipped' })
  const found = inspection.checks.find(({ id }) => id === 'measurement')
  expect(found).toMatchObject({
    found: `measurement ${measurement}`,
    expected: `measurement ${measurement}`,
  })
  expect(inspection.checks.every(({ why }) => why !== undefined && why !== '')).toBe(true)
  expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection)
})

test('without a policy a simulated TEE is refused, whatever measurement is given', () => {
  expect(look({ policy: undefined, measurements: [measurement] })).toMatchObject({
    verdict: 'refused',
    code: 'SIMULATED_NOT_TRUSTED',
    policy: 'default',
    validUntil: null,
  })
})

test('one of several measurements has to be found, besides what the policy names', () => {
  const other = 'ee'.repeat(48)
  expect(look({ measurements: [other, measurement] }).verdict).toBe('trusted')
  const wrong = look({ measurements: [other] })
  expect(wrong).toMatchObject({ verdict: 'refused', code: 'MEASUREMENT_MISMATCH' })
  expect(wrong.checks.find(({ id }) => id === 'measurement')).toMatchObject({
    outcome: 'fail',
    found: `measurement ${measurement}`,
    expected: `measurement ${other}`,
  })
})

test('after the first no of the policy the other questions are answered all the same', async () => {
  const debug = await testNode(network, 'debug', { debug: true })
  const inspection = look({ evidence: debug.evidence, reportData })
  expect(inspection).toMatchObject({ verdict: 'refused', code: 'DEBUG_ENABLED' })
  expect(outcomesOf(inspection)).toMatchObject({
    debug: 'fail',
    tcb: 'pass',
    measurement: 'pass',
    'report-data': 'fail',
  })
})

test('bytes that are no evidence are refused with what is wrong, and have no fields', () => {
  const body = Uint8Array.of(1, 2, 3)
  const inspection = look({ evidence: { platform: 'simulated', body } })
  expect(inspection).toMatchObject({ verdict: 'refused', code: 'EVIDENCE_MALFORMED', fields: {} })
  expect(outcomesOf(inspection)).toMatchObject({ size: 'pass', form: 'fail', debug: 'skipped' })
  const large = { platform: 'simulated', body: new Uint8Array(65_537) }
  expect(outcomesOf(look({ evidence: large }))).toMatchObject({ size: 'fail', form: 'skipped' })
  expect(look({ evidence: { platform: 'tpm', body } })).toMatchObject({
    code: 'PLATFORM_NOT_SUPPORTED',
    trusts: [],
  })
})

test('every check of every platform has words', () => {
  for (const platform of platformNames.filter(isPlatformName)) {
    const checks = appraiserOf(platform)?.checks ?? []
    expect(checks.length).toBeGreaterThan(0)
    expect(checks.filter(id => meaningOf(id).endsWith(`${id.replaceAll('-', ' ')} holds`))).toEqual(
      [],
    )
  }
})

test('pins are compared, and both machines are named', () => {
  const pin = 'ab'.repeat(32)
  const pinned = nextManifest(network, manifest => ({
    ...manifest,
    join: { ...manifest.join, pins: [pin] },
  }))
  const inspection = look({ policy: pinned.policy })
  expect(inspection.code).toBe('INSTANCE_NOT_PINNED')
  expect(inspection.checks.at(-1)).toMatchObject({ found: node.instance, expected: pin })
})

/** Everything that an appraisal can be asked; the expected report data included. */
async function appraisals(): Promise<readonly Appraisal[]> {
  const expectedReportData = reportData
  const base = { evidence: node.evidence, endorsements: noEndorsements, policy, now: epoch }
  const genuine: Appraisal = { ...base, expectedReportData }
  const [debug, old, other] = await Promise.all([
    testNode(network, 'a', { debug: true }),
    testNode(network, 'a', { tcb: { ...currentTcb, snp: 0 } }),
    testNode(network, 'a', { registers: registersOf('other') }),
  ])
  const foreign = testNetwork({ authority: makeTestnetAuthority(epoch) })
  const { body } = node.evidence
  const changed = Array.from({ length: body.length }, (_, i) => body.with(i, (body[i] ?? 0) ^ 1))
  return [
    genuine,
    ...[debug, old, other].map(({ evidence }) => ({ ...genuine, evidence })),
    { ...genuine, policy: foreign.policy },
    { ...genuine, now: after(epoch, days(-2)) },
    { ...genuine, now: after(epoch, days(400)) },
    { ...genuine, expectedReportData: new Uint8Array(64) },
    ...['sev-snp', 'tpm', 'nitro'].map(platform => ({ ...genuine, evidence: { platform, body } })),
    ...changed.map(each => ({ ...genuine, evidence: { platform: 'simulated', body: each } })),
  ]
}

test('appraisal and inspection say the same of the same, code for code', async () => {
  for (const appraisal of await appraisals()) {
    const { expectedReportData, ...rest } = appraisal
    const verdict = appraise(appraisal)
    const inspection = inspect({ ...rest, reportData: expectedReportData })
    expect(inspection.verdict).toBe(verdict.kind)
    if (verdict.kind === 'refused') expect(inspection.code).toBe(verdict.code)
    if (verdict.kind !== 'trusted') continue
    expect(inspection.validUntil).toBe(new Date(verdict.expiresAt).toISOString())
  }
})

test('a failed check has a reason that does not repeat an unknown code, for every refusal seen here', async () => {
  for (const { expectedReportData, ...rest } of await appraisals()) {
    const inspection = inspect({ ...rest, reportData: expectedReportData })
    if (inspection.verdict !== 'refused') continue
    expect(inspection.sentence).not.toMatch(/^Refused:|undefined/)
    const failed = inspection.checks.filter(({ outcome }) => outcome === 'fail')
    expect(failed.length, inspection.code).toBeGreaterThan(0)
  }
})

test('as an attestation result, a trusted inspection affirms and a refused one warns where it failed', async () => {
  const ear = earOf(look({ reportData }), 'simulated', epoch)
  expect(ear).toMatchObject({
    eat_profile: 'tag:ietf.org,2026:rats/ear#04',
    iat: epoch / 1000,
    exp: epoch / 1000 + 3600,
    submods: {
      simulated: {
        ear_status: 'affirming',
        ear_trustworthiness_vector: { executables: 2, hardware: 2, 'instance-identity': 0 },
        ear_appraisal_policy_ids: [`coterie:policy:${policy.digest}`],
      },
    },
  })
  const wrong = earOf(look({ measurements: ['ee'.repeat(48)] }), 'simulated', epoch)
  expect(wrong.submods['simulated']).toMatchObject({
    ear_status: 'contraindicated',
    ear_trustworthiness_vector: { executables: 96, hardware: 2 },
  })
  const { body: genuine } = node.evidence
  const body = genuine.with(-1, (genuine.at(-1) ?? 0) ^ 1)
  const forged = earOf(look({ evidence: { platform: 'simulated', body } }), 'simulated', epoch)
  expect(forged.submods['simulated']?.ear_trustworthiness_vector).toMatchObject({ hardware: 96 })
})
