import { draftManifest, tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { policyOf } from '../../../../src/attestation/policy.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { after, days } from '../../../../src/base/time.ts'
import { platformConforms } from '../../../conformance/platform.ts'
import { epoch, parsed, testNetwork } from '../../../fixtures/network.ts'
import {
  goodTcb,
  makeSnpAuthority,
  plainPolicy,
  type SnpRequest,
  snpCrl,
  snpEvidence,
  snpImage,
} from '../../../forge/sev-snp.ts'

platformConforms('sev-snp', async () => {
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
