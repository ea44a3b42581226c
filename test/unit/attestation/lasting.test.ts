import { expect, test } from 'vitest'
import { appraise } from '../../../src/attestation/appraise.ts'
import { noEndorsements } from '../../../src/attestation/endorsements.ts'
import { attestForEver, isNamedBy } from '../../../src/attestation/lasting.ts'
import { isRefusal } from '../../../src/attestation/verdict.ts'
import { after, days } from '../../../src/base/time.ts'
import { type Evidence, keyReportData, type NodeKeys } from '../../../src/wire/evidence.ts'
import { epoch, nextManifest, testNetwork, testNode } from '../../fixtures/network.ts'
import { resigned } from '../../fixtures/simulated.ts'

const network = testNetwork()
const node = await testNode(network, 'a')
const attest = (
  evidence: Evidence,
  options: { readonly keys?: NodeKeys; readonly under?: typeof network } = {},
): string => {
  const under = options.under ?? network
  const answer = attestForEver(under, options.keys ?? node.keys, evidence)
  return isRefusal(answer) ? answer.code : answer.instance
}

test('what a pinned root vouched for is attested for ever, by every manifest of the network alike', () => {
  const stricter = nextManifest(network, manifest => ({
    ...manifest,
    join: {
      ...manifest.join,
      pins: ['00'.repeat(32)],
      measurements: manifest.join.measurements.map(each => ({
        ...each,
        registers: { ...each.registers, measurement: 'ab'.repeat(48) },
        validFrom: '2026-10-30T00:00:00Z',
        validUntil: '2026-10-31T00:00:00Z',
      })),
    },
  }))
  expect(attest(node.evidence)).toBe(node.instance)
  expect(attest(node.evidence, { under: stricter })).toBe(node.instance)
  const attested = attestForEver(network, node.keys, node.evidence)
  if (isRefusal(attested)) throw new Error('it is attested')
  expect(isNamedBy(network.policy, attested)).toBe(true)
  expect(isNamedBy(stricter.policy, attested)).toBe(false)
})

test('evidence says after its end what it said, unless its certificates never held together', async () => {
  const short = await testNode(network, 'short', { notAfter: after(epoch, days(1)) })
  const appraisal = {
    evidence: short.evidence,
    expectedReportData: keyReportData(network.network, 'simulated', short.keys),
    endorsements: noEndorsements,
    policy: network.policy,
    now: after(epoch, days(30)),
  }
  expect(appraise(appraisal)).toMatchObject({ code: 'EVIDENCE_EXPIRED' })
  expect(attest(short.evidence, { keys: short.keys })).toBe(short.instance)
  const ancient = { notBefore: after(epoch, days(-900)), notAfter: after(epoch, days(-800)) }
  const never = await testNode(network, 'never', ancient)
  expect(attest(never.evidence, { keys: never.keys })).toBe('EVIDENCE_EXPIRED')
})

test('debug mode, other keys, another network, another root and broken bytes attest nothing', async () => {
  const debug = resigned(node, report => ({ ...report, debug: true }))
  expect(attest(debug)).toBe('DEBUG_ENABLED')
  const other = await testNode(network, 'b')
  expect(attest(node.evidence, { keys: other.keys })).toBe('REPORT_DATA_MISMATCH')
  const elsewhere = testNetwork({ seed: 'elsewhere', authority: network.authority })
  expect(attest(node.evidence, { under: elsewhere })).toBe('REPORT_DATA_MISMATCH')
  expect(attest(node.evidence, { under: testNetwork() })).toBe('UNKNOWN_ANCHOR')
  expect(attest({ platform: 'simulated', body: Uint8Array.of(1) })).toBe('EVIDENCE_MALFORMED')
  expect(attest({ ...node.evidence, platform: 'elsewhere' })).toBe('PLATFORM_NOT_SUPPORTED')
  expect(attest({ ...node.evidence, platform: 'tdx' })).toBe('QUOTE_NOT_SUPPORTED')
  const production = { ...network, policy: { ...network.policy, testnet: false } }
  expect(attest(node.evidence, { under: production })).toBe('SIMULATED_NOT_TRUSTED')
})
