import { expect, test } from 'vitest'
import { appraise } from '../../../../src/attestation/appraise.ts'
import type { TcbRule } from '../../../../src/attestation/manifest-document.ts'
import { draftManifest, tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { type Policy, policyOf } from '../../../../src/attestation/policy.ts'
import { toHex } from '../../../../src/base/bytes.ts'
import { after, days } from '../../../../src/base/time.ts'
import { platformConforms } from '../../../conformance/platform.ts'
import { epoch, parsed, testNetwork } from '../../../fixtures/network.ts'
import {
  components,
  type DcapAuthority,
  dcapQuote,
  domainImage,
  enclaveImage,
  makeDcapAuthority,
  type QuoteForm,
  type QuoteRequest,
} from '../../../forge/dcap.ts'
import { dcapCollateral, dcapEndorsements } from '../../../forge/dcap-collateral.ts'

const registers = {
  sgx: { mrenclave: toHex(enclaveImage('coterie-test')) },
  tdx: {
    mrtd: toHex(domainImage('coterie-test')),
    rtmr0: toHex(domainImage('coterie-test 0')),
    rtmr1: toHex(domainImage('coterie-test 1')),
    rtmr2: toHex(domainImage('coterie-test 2')),
  },
} as const

function policyFor(
  platform: 'sgx' | 'tdx',
  { anchor }: DcapAuthority,
  rule: Partial<TcbRule> = {},
): Policy {
  const window = { validFrom: '2026-10-31T00:00:00Z', validUntil: '2027-11-01T00:00:00Z' }
  return policyOf(
    parsed(
      draftManifest({
        ...{ name: 'enclaves', foundingNonce: 0, manifestSet: testNetwork().manifest.manifestSet },
        anchors: [{ platform, publicKey: anchor }],
        measurements: [
          { name: 'software', platform, svnMin: 0, registers: registers[platform], ...window },
        ],
        tcb: [tcbRuleOf(platform, rule)],
      }),
    ),
  )
}

function conforms(platform: 'sgx' | 'tdx', form: QuoteForm): void {
  platformConforms(platform, async () => {
    const authority = makeDcapAuthority(epoch)
    const reportData = new Uint8Array(64).fill(7)
    const quote = (request: QuoteRequest = {}, by = authority) => ({
      platform,
      body: dcapQuote(by, { form, reportData, ...request }),
    })
    const genuine = {
      evidence: quote(),
      expectedReportData: reportData,
      endorsements: dcapEndorsements(dcapCollateral(authority, { tee: platform })),
      policy: policyFor(platform, authority),
      now: epoch,
    }
    const on = (request: QuoteRequest) => ({ ...genuine, evidence: quote(request) })
    const debugByte = platform === 'sgx' ? 48 : 120
    return {
      genuine,
      debug: on({
        report: report => {
          report[debugByte] = (report[debugByte] ?? 0) | (platform === 'sgx' ? 0x02 : 0x01)
        },
      }),
      expired: on({ leaf: { notAfter: after(epoch, days(-0.5)) } }),
      notYetValid: on({ leaf: { notBefore: after(epoch, days(1)) } }),
      foreign: { ...genuine, evidence: quote({}, makeDcapAuthority(epoch)) },
      otherMeasurement: on({ image: 'other' }),
      oldFirmware: on({ leaf: { pck: { components: components(3) } } }),
      otherReportData: { ...genuine, expectedReportData: new Uint8Array(64) },
      ignoresTail: platform === 'tdx',
    }
  })
}

conforms('sgx', 'v3')
conforms('tdx', 'v5-later')

test('what Intel said before the evaluation that the manifest asks for decides nothing', () => {
  const authority = makeDcapAuthority(epoch)
  const reportData = new Uint8Array(64).fill(7)
  const judged = (evaluationMin: number) =>
    appraise({
      evidence: { platform: 'sgx', body: dcapQuote(authority, { reportData }) },
      expectedReportData: reportData,
      endorsements: dcapEndorsements(dcapCollateral(authority)),
      policy: policyFor('sgx', authority, { evaluationMin }),
      now: epoch,
    })
  expect(judged(17)).toMatchObject({ kind: 'trusted' })
  expect(judged(18)).toMatchObject({ kind: 'undetermined' })
})
