import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NetworkId } from '../../../src/base/ids.ts'
import {
  type Evidence,
  evidenceCodec,
  evidenceDigest,
  keyReportData,
} from '../../../src/wire/evidence.ts'
import { conformMessage, faultOf } from '../../conformance/message.ts'

conformMessage<Evidence>({
  codec: evidenceCodec,
  samples: {
    small: { platform: 'simulated', body: Uint8Array.of(1, 2, 3) },
    long: { platform: 'sev-snp', body: new Uint8Array(1184).fill(0xa5) },
  },
  arbitrary: fc.record({
    platform: fc.string({ unit: 'grapheme-ascii', maxLength: 32 }),
    body: fc.uint8Array({ minLength: 1, maxLength: 400 }),
  }),
})

test('evidence without a body is refused', () => {
  const empty = evidenceCodec.encode({ platform: 'simulated', body: new Uint8Array(0) })
  expect(faultOf(() => evidenceCodec.decode(empty))).toBe('BAD_FIELD')
})

test('the digest of evidence changes with platform and body', () => {
  const evidence = { platform: 'tdx', body: Uint8Array.of(1) }
  const digests = [
    evidenceDigest(evidence),
    evidenceDigest({ ...evidence, platform: 'sgx' }),
    evidenceDigest({ ...evidence, body: Uint8Array.of(2) }),
  ]
  expect(new Set(digests).size).toBe(3)
})

test('report data commits to network, platform and each of the three keys', () => {
  const keys = {
    identity: new Uint8Array(32),
    noise: new Uint8Array(32),
    kem: new Uint8Array(1216),
  }
  const network = '11'.repeat(32) as NetworkId
  const other = (length: number): Uint8Array => new Uint8Array(length).fill(1)
  const reports = [
    keyReportData(network, 'tdx', keys),
    keyReportData('22'.repeat(32) as NetworkId, 'tdx', keys),
    keyReportData(network, 'sgx', keys),
    keyReportData(network, 'tdx', { ...keys, identity: other(32) }),
    keyReportData(network, 'tdx', { ...keys, noise: other(32) }),
    keyReportData(network, 'tdx', { ...keys, kem: other(1216) }),
  ]
  expect(reports.every(report => report.length === 64)).toBe(true)
  expect(new Set(reports.map(String)).size).toBe(6)
})
