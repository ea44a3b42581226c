import { expect, test } from 'vitest'
import type { Appraisal } from '../../../../src/attestation/appraisal.ts'
import { VerdictCache } from '../../../../src/attestation/cache.ts'
import { attestForEver } from '../../../../src/attestation/lasting.ts'
import { draftManifest, tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { policyOf } from '../../../../src/attestation/policy.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { after, days, instant } from '../../../../src/base/time.ts'
import { keyReportData } from '../../../../src/wire/evidence.ts'
import { platformConforms } from '../../../conformance/platform.ts'
import { epoch, parsed, testNetwork } from '../../../fixtures/network.ts'
import { certificates } from '../../../fixtures/sev-snp.ts'
import {
  goodTcb,
  makeSnpAuthority,
  plainPolicy,
  type SnpRequest,
  snpCrl,
  snpEvidence,
  snpImage,
} from '../../../forge/sev-snp.ts'

function world() {
  const authority = makeSnpAuthority(epoch)
  const other = makeSnpAuthority(epoch, { isOther: true })
  const reportData = new Uint8Array(64).fill(7)
  const { manifestSet } = testNetwork().manifest
  const policy = policyOf(
    parsed(
      draftManifest({
        ...{ name: 'guests', foundingNonce: 0, manifestSet },
        anchors: [{ platform: 'sev-snp', publicKey: authority.anchor }],
        measurements: [
          {
            ...{ name: 'software', platform: 'sev-snp', svnMin: 1 },
            registers: { measurement: toHex(snpImage('coterie-test')) },
            ...{ validFrom: '2026-10-31T00:00:00Z', validUntil: '2027-11-01T00:00:00Z' },
          },
        ],
        tcb: [tcbRuleOf('sev-snp', { minimum: { tee: 1, snp: 24 } })],
      }),
    ),
  )
  const endorsements = { items: [{ kind: 'crl', bytes: snpCrl(authority) }] } as const
  const body = (request: SnpRequest = {}, by = authority) =>
    snpEvidence(by, { reportData, ...request }).body
  const genuine = {
    evidence: { platform: 'sev-snp', body: body() },
    expectedReportData: reportData,
    ...{ endorsements, policy, now: epoch },
  }
  const on = (request: SnpRequest) => ({
    ...genuine,
    evidence: { platform: 'sev-snp', body: body(request) },
  })
  return { authority, other, genuine, body, on }
}

platformConforms('sev-snp', async () => {
  const { genuine, on, other, body } = world()
  return {
    genuine,
    debug: on({ policy: plainPolicy | (1n << 19n) }),
    expired: on({ leaf: { notAfter: after(epoch, days(-0.5)) } }),
    notYetValid: on({ leaf: { notBefore: after(epoch, days(1)) } }),
    foreign: { ...genuine, evidence: { platform: 'sev-snp', body: body({}, other) } },
    otherMeasurement: on({ measurement: snpImage('other') }),
    oldFirmware: on({ committedTcb: { ...goodTcb, snp: 23 } }),
    otherReportData: { ...genuine, expectedReportData: new Uint8Array(64) },
  }
})

test('a certificate of another chip, brought by anybody, does not speak against evidence that has the right one', () => {
  const { authority, genuine } = world()
  const reportData = genuine.expectedReportData
  const { report, certificate } = snpEvidence(authority, { reportData })
  const evidence = { platform: 'sev-snp', body: report }
  const wrong = snpEvidence(authority, { chipId: new Uint8Array(64).fill(1) }).certificate
  const list = { kind: 'crl', bytes: snpCrl(authority) } as const
  const bringing = (bytes: Uint8Array): Appraisal => ({
    ...{ ...genuine, evidence },
    endorsements: {
      items: [certificates(bytes), certificates(authority.ask), list],
    },
  })
  const cache = new VerdictCache()
  const start = instant(0)
  expect(cache.appraise(bringing(wrong), start)).toMatchObject({ code: 'INSTANCE_MISMATCH' })
  expect(cache.appraise(bringing(certificate), start)).toMatchObject({ kind: 'trusted' })
  expect(cache.appraise(bringing(wrong), start)).toMatchObject({ code: 'INSTANCE_MISMATCH' })
})

test('what evidence says for ever hangs on no list and no clock', () => {
  const { authority } = world()
  const keys = {
    identity: new Uint8Array(32),
    noise: new Uint8Array(32),
    kem: new Uint8Array(1216),
  }
  const { network } = testNetwork()
  const policy = {
    ...testNetwork().policy,
    testAnchors: [{ platform: 'sev-snp', publicKey: authority.rootKey }] as const,
  }
  const reportData = keyReportData(network, 'sev-snp', keys)
  const attested = (request: SnpRequest) => {
    const { body } = snpEvidence(authority, { reportData, ...request })
    return attestForEver({ network, policy }, keys, { platform: 'sev-snp', body })
  }
  expect(attested({})).toMatchObject({ platform: 'sev-snp' })
  expect(attested({ table: [] })).toMatchObject({ code: 'EVIDENCE_UNDETERMINED' })
  expect(attested({ policy: plainPolicy | (1n << 19n) })).toMatchObject({ code: 'DEBUG_ENABLED' })
})
