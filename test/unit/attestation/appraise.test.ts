import { expect, test } from 'vitest'
import { type Appraisal, clampNow } from '../../../src/attestation/appraisal.ts'
import { appraise } from '../../../src/attestation/appraise.ts'
import { noEndorsements } from '../../../src/attestation/endorsements.ts'
import { draftManifest, tcbRuleOf } from '../../../src/attestation/manifest-draft.ts'
import { type Policy, policyOf } from '../../../src/attestation/policy.ts'
import type { Verdict } from '../../../src/attestation/verdict.ts'
import { toHex } from '../../../src/base/bytes.ts'
import { after, days, hours, minutes, timestamp } from '../../../src/base/time.ts'
import { currentTcb, makeTestnetAuthority, registersOf } from '../../../src/host/tee/machine.ts'
import { type Evidence, keyReportData } from '../../../src/wire/evidence.ts'
import { limits } from '../../../src/wire/limits.ts'
import {
  epoch,
  nextManifest,
  parsed,
  type TestNode,
  testNetwork,
  testNode,
} from '../../fixtures/network.ts'
import { documentOf, resigned, withDocument } from '../../fixtures/simulated.ts'

const network = testNetwork()
const node = await testNode(network, 'a')

function appraisal(of: TestNode, change: Partial<Appraisal> = {}): Appraisal {
  return {
    evidence: of.evidence,
    expectedReportData: keyReportData(network.network, 'simulated', of.keys),
    endorsements: noEndorsements,
    policy: network.policy,
    now: epoch,
    ...change,
  }
}

const judge = (change: Partial<Appraisal> = {}): Verdict => appraise(appraisal(node, change))
const withEvidence = (evidence: Evidence): Verdict => judge({ evidence })
const withPolicy = (change: Parameters<typeof nextManifest>[1]): Verdict =>
  judge({ policy: nextManifest(network, change).policy })

const production: Policy = policyOf(
  parsed(
    draftManifest({
      name: 'production',
      foundingNonce: 0,
      manifestSet: network.manifest.manifestSet,
      measurements: [
        {
          name: 'software',
          platform: 'sev-snp',
          registers: { measurement: registersOf('coterie-test').measurement },
          svnMin: 0,
          validFrom: '2026-01-01T00:00:00Z',
          validUntil: '2028-01-01T00:00:00Z',
        },
      ],
      tcb: [tcbRuleOf('sev-snp')],
    }),
  ),
)

test('a trusted verdict says who, what, until when, and that it is of a testnet', () => {
  const { measurement, signer } = registersOf('coterie-test')
  const verdict = judge()
  expect(verdict).toMatchObject({
    kind: 'trusted',
    platform: 'simulated',
    instance: node.instance,
    owner: null,
    measurement: 'coterie-test',
    registers: { measurement, signer, productId: '0001', hostData: '00'.repeat(32) },
    tcb: 'UpToDate',
    testnet: true,
    expiresAt: after(epoch, hours(1)),
    issuedAt: after(epoch, days(-1)),
  })
})

test('a verdict expires at the first of certificate, measurement window and evidence age', async () => {
  const soon = await testNode(network, 'soon', { notAfter: after(epoch, minutes(5)) })
  expect(appraise(appraisal(soon))).toMatchObject({ expiresAt: after(epoch, minutes(5)) })
  const closing = nextManifest(network, manifest => ({
    ...manifest,
    join: {
      ...manifest.join,
      measurements: [{ ...manifest.join.measurements[0]!, validUntil: '2026-11-01T00:10:00Z' }],
    },
  }))
  expect(judge({ policy: closing.policy })).toMatchObject({ expiresAt: after(epoch, minutes(10)) })
})

test('the owner of a machine stands in its verdict', () => {
  const key = toHex(network.approvers[0]!.publicKey)
  const owners = [{ name: 'ann', key, instances: [node.instance] }]
  expect(
    withPolicy(manifest => ({ ...manifest, join: { ...manifest.join, owners } })),
  ).toMatchObject({ kind: 'trusted', owner: key })
})

test('the same machine is one instance whatever its certificate and software', async () => {
  const again = await testNode(network, 'a', { registers: registersOf('other') })
  expect(again.instance).toBe(node.instance)
  expect((await testNode(network, 'b')).instance).not.toBe(node.instance)
})

test('a production policy refuses simulated evidence before reading it', () => {
  expect(judge({ policy: production })).toEqual({
    kind: 'refused',
    code: 'SIMULATED_NOT_TRUSTED',
    facts: { platform: 'simulated' },
  })
  const junk = { platform: 'simulated', body: new Uint8Array(8) }
  expect(judge({ policy: production, evidence: junk })).toMatchObject({
    code: 'SIMULATED_NOT_TRUSTED',
  })
})

test('a policy without the testnet flag has no anchor, even with everything else in place', () => {
  expect(production.testAnchors).toEqual([])
  // What a broken check of the flag would let through still finds no root to chain to.
  const policy = { ...network.policy, testAnchors: production.testAnchors }
  expect(judge({ policy })).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
})

test('an unknown platform is not supported, and evidence of one platform is none of another', () => {
  const body = node.evidence.body
  expect(withEvidence({ platform: 'tpm', body })).toMatchObject({ code: 'PLATFORM_NOT_SUPPORTED' })
  expect(withEvidence({ platform: 'constructor', body })).toMatchObject({
    code: 'PLATFORM_NOT_SUPPORTED',
  })
  const vendor = judge({ policy: production, evidence: { platform: 'sev-snp', body } })
  expect(vendor).toMatchObject({ code: 'REPORT_NOT_SUPPORTED' })
})

test('a platform without a measurement in the manifest is not allowed', () => {
  const { body } = node.evidence
  expect(withEvidence({ platform: 'sev-snp', body })).toMatchObject({
    code: 'PLATFORM_NOT_ALLOWED',
  })
  expect(
    withPolicy(manifest => ({ ...manifest, join: { ...manifest.join, measurements: [] } })),
  ).toMatchObject({ code: 'PLATFORM_NOT_ALLOWED' })
})

test('evidence beyond the size limits is refused unread', () => {
  for (const length of [8_193, limits.handshakeFrameBytesMax + 1]) {
    const body = new Uint8Array(length)
    expect(withEvidence({ platform: 'simulated', body })).toMatchObject({
      code: 'EVIDENCE_TOO_LARGE',
      facts: { bytes: length },
    })
  }
})

test('bytes that are no document are malformed', () => {
  const body = Uint8Array.of(1, 2, 3)
  expect(withEvidence({ platform: 'simulated', body })).toMatchObject({
    code: 'EVIDENCE_MALFORMED',
    facts: { reason: 'CBOR_TRAILING' },
  })
})

test('fields that this version does not know make a document malformed, signed or not', () => {
  const extensions = new Map([[64, 1]])
  const outside = withDocument(node.evidence, document => ({ ...document, extensions }))
  expect(withEvidence(outside)).toMatchObject({ code: 'EVIDENCE_MALFORMED' })
  const inside = resigned(node, report => ({ ...report, extensions }))
  expect(withEvidence(inside)).toMatchObject({ code: 'EVIDENCE_MALFORMED' })
})

test('three run-time registers are not four', () => {
  const evidence = resigned(node, report => ({
    ...report,
    registers: { ...report.registers, rtmrs: report.registers.rtmrs.slice(1) },
  }))
  expect(withEvidence(evidence)).toMatchObject({ code: 'EVIDENCE_MALFORMED' })
})

test('a chip other than the certified one is a mismatch, even signed by the certified key', () => {
  const evidence = resigned(node, report => ({ ...report, instance: new Uint8Array(64) }))
  expect(withEvidence(evidence)).toMatchObject({ code: 'INSTANCE_MISMATCH' })
})

test('a report under the signature of another report is refused', async () => {
  const other = await testNode(network, 'other', {
    instance: Uint8Array.from(Buffer.from(node.machine.instance, 'hex')),
  })
  const { signature } = documentOf(other.evidence)
  const mixed = withDocument(node.evidence, document => ({ ...document, signature }))
  expect(withEvidence(mixed)).toMatchObject({ code: 'SIGNATURE_INVALID' })
})

test('a root of the same name with another key is an unknown anchor', () => {
  const twin = testNetwork({ authority: makeTestnetAuthority(epoch) })
  expect(twin.authority.anchor).not.toBe(network.authority.anchor)
  expect(judge({ policy: twin.policy })).toMatchObject({ code: 'UNKNOWN_ANCHOR' })
})

test('evidence is refused before its certificates begin and after they end', async () => {
  expect(judge({ now: after(epoch, days(-2)) })).toMatchObject({
    code: 'EVIDENCE_NOT_YET_VALID',
    facts: { notBefore: '2026-10-31T00:00:00.000Z', now: '2026-10-30T00:00:00.000Z' },
  })
  const old = await testNode(network, 'old', { notAfter: after(epoch, days(1)) })
  expect(appraise(appraisal(old, { now: after(epoch, days(1)) })).kind).toBe('trusted')
  expect(appraise(appraisal(old, { now: timestamp(after(epoch, days(1)) + 1) }))).toMatchObject({
    code: 'EVIDENCE_EXPIRED',
    facts: { certificate: 0, notAfter: '2026-11-02T00:00:00.000Z' },
  })
})

test('a machine in debug mode is refused although all else is right', async () => {
  const debug = await testNode(network, 'a', { debug: true })
  expect(appraise(appraisal(debug))).toMatchObject({ code: 'DEBUG_ENABLED' })
})

test.each(['tcb', 'committedTcb'] as const)('old firmware is refused in %s', async level => {
  const old = { ...currentTcb, snp: currentTcb.snp - 1 }
  const tcb = level === 'tcb' ? { tcb: old, committedTcb: currentTcb } : { committedTcb: old }
  const outdated = await testNode(network, 'a', tcb)
  expect(appraise(appraisal(outdated))).toMatchObject({
    code: 'TCB_NOT_ALLOWED',
    facts: { status: 'OutOfDate', component: 'snp', found: 21, minimum: 22, allowed: 'UpToDate' },
  })
})

test('a manifest may allow firmware that is out of date, and the verdict says so', async () => {
  const outdated = await testNode(network, 'a', { tcb: { ...currentTcb, microcode: 0 } })
  const lenient = nextManifest(network, manifest => ({
    ...manifest,
    join: {
      ...manifest.join,
      tcb: [{ ...manifest.join.tcb[0]!, allowed: ['UpToDate', 'OutOfDate'] }],
    },
  }))
  expect(appraise(appraisal(outdated, { policy: lenient.policy }))).toMatchObject({
    kind: 'trusted',
    tcb: 'OutOfDate',
  })
})

test('other software is refused with the register and both values', async () => {
  const changed = { ...registersOf('coterie-test'), measurement: 'ee'.repeat(48) }
  const other = await testNode(network, 'a', { registers: changed })
  expect(appraise(appraisal(other))).toMatchObject({
    code: 'MEASUREMENT_MISMATCH',
    facts: {
      measurement: 'coterie-test',
      register: 'measurement',
      found: 'ee'.repeat(48),
      allowed: registersOf('coterie-test').measurement,
    },
  })
})

test('every register that a measurement names is compared', async () => {
  const registers = registersOf('coterie-test')
  const [rtmr0, rtmr1, rtmr2, rtmr3] = registers.rtmrs as [string, string, string, string]
  const { measurement, signer, hostData } = registers
  const named = { measurement, signer, hostData, rtmr0, rtmr1, rtmr2, rtmr3, productId: '0001' }
  const { policy } = nextManifest(network, manifest => ({
    ...manifest,
    join: {
      ...manifest.join,
      measurements: [{ ...manifest.join.measurements[0]!, registers: named }],
    },
  }))
  expect(judge({ policy }).kind).toBe('trusted')
  const zero = new Uint8Array(48)
  for (const register of Object.keys(named)) {
    const evidence = resigned(node, report => {
      const { rtmrs } = report.registers
      const place = Number(register.slice(4))
      const change = register.startsWith('rtmr')
        ? { rtmrs: rtmrs.with(place, zero) }
        : { [register]: { hostData: new Uint8Array(32).fill(1), productId: 2 }[register] ?? zero }
      return { ...report, registers: { ...report.registers, ...change } }
    })
    expect(judge({ policy, evidence })).toMatchObject({
      code: 'MEASUREMENT_MISMATCH',
      facts: { register },
    })
  }
})

test('of several measurements one must fit whole; registers of two never mix', async () => {
  const [first] = network.manifest.join.measurements
  const other = registersOf('other')
  const { policy } = nextManifest(network, manifest => ({
    ...manifest,
    join: {
      ...manifest.join,
      measurements: [
        first!,
        {
          ...first!,
          name: 'b',
          registers: { measurement: other.measurement, signer: 'aa'.repeat(48) },
        },
      ],
    },
  }))
  expect(judge({ policy })).toMatchObject({ kind: 'trusted', measurement: 'coterie-test' })
  const mixed = await testNode(network, 'a', {
    registers: { ...registersOf('coterie-test'), signer: 'aa'.repeat(48) },
  })
  expect(appraise(appraisal(mixed, { policy }))).toMatchObject({ code: 'MEASUREMENT_MISMATCH' })
})

test('software below the least security version is refused', async () => {
  const old = await testNode(network, 'a', {
    registers: { ...registersOf('coterie-test'), svn: 0 },
  })
  expect(appraise(appraisal(old))).toMatchObject({
    code: 'SVN_TOO_LOW',
    facts: { found: 0, minimum: 1 },
  })
})

test('a measurement counts from its first second and no longer at its last', () => {
  const windowed = (validFrom: string, validUntil: string): Verdict =>
    withPolicy(manifest => ({
      ...manifest,
      join: {
        ...manifest.join,
        measurements: [{ ...manifest.join.measurements[0]!, validFrom, validUntil }],
      },
    }))
  const now = '2026-11-01T00:00:00Z'
  expect(windowed(now, '2026-11-01T00:00:01Z').kind).toBe('trusted')
  expect(windowed('2026-11-01T00:00:01Z', '2027-01-01T00:00:00Z')).toMatchObject({
    code: 'MEASUREMENT_NOT_YET_VALID',
  })
  expect(windowed('2026-01-01T00:00:00Z', now)).toMatchObject({ code: 'MEASUREMENT_EXPIRED' })
})

test('evidence of one node does not pass for the keys of another', async () => {
  const thief = await testNode(network, 'thief')
  const stolen = { ...appraisal(thief), evidence: node.evidence }
  expect(appraise(stolen)).toMatchObject({ code: 'REPORT_DATA_MISMATCH' })
})

test('evidence for one network, or one key of three replaced, does not pass', () => {
  const elsewhere = testNetwork({ seed: 'elsewhere', authority: network.authority })
  const { keys } = node
  const expected = [
    keyReportData(elsewhere.network, 'simulated', keys),
    keyReportData(network.network, 'sev-snp', keys),
    keyReportData(network.network, 'simulated', { ...keys, identity: keys.noise }),
    keyReportData(network.network, 'simulated', { ...keys, noise: keys.identity }),
    keyReportData(network.network, 'simulated', { ...keys, kem: keys.kem.toReversed() }),
  ]
  for (const expectedReportData of expected) {
    expect(judge({ expectedReportData })).toMatchObject({ code: 'REPORT_DATA_MISMATCH' })
  }
})

test('all 64 bytes of the report data are compared', () => {
  const { expectedReportData } = appraisal(node)
  for (const i of [0, 31, 32, 63]) {
    const wrong = expectedReportData.with(i, (expectedReportData[i] ?? 0) ^ 1)
    expect(judge({ expectedReportData: wrong })).toMatchObject({ code: 'REPORT_DATA_MISMATCH' })
  }
})

test('fewer expected bytes are a bug of the verifier, never a weaker check', () => {
  expect(() => judge({ expectedReportData: new Uint8Array(0) })).toThrow('64 bytes')
})

test('with pins, only listed machines join', async () => {
  const other = await testNode(network, 'b')
  const pinned = (instance: string): Verdict =>
    withPolicy(manifest => ({ ...manifest, join: { ...manifest.join, pins: [instance] } }))
  expect(pinned(node.instance).kind).toBe('trusted')
  expect(pinned(other.instance)).toMatchObject({
    code: 'INSTANCE_NOT_PINNED',
    facts: { instance: node.instance },
  })
})

test('time is clamped up to what is proven and never down', () => {
  const [early, late] = [epoch, after(epoch, days(1))]
  expect(clampNow(early, [])).toBe(early)
  expect(clampNow(early, [late, early])).toBe(late)
  expect(clampNow(late, [early])).toBe(late)
})
