import { describe, expect, test } from 'vitest'
import type { Appraisal } from '../../../../src/attestation/appraisal.ts'
import { Checks, checkReport } from '../../../../src/attestation/checks.ts'
import type { Verification } from '../../../../src/attestation/claims.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { instanceOf } from '../../../../src/attestation/instance.ts'
import { attestForEver } from '../../../../src/attestation/lasting.ts'
import { tcbRuleOf } from '../../../../src/attestation/manifest-draft.ts'
import { nitroAppraiser } from '../../../../src/attestation/nitro/verify.ts'
import { toHex, utf8 } from '../../../../src/base/bytes.ts'
import {
  after,
  type Duration,
  hours,
  milliseconds,
  minutes,
  type Timestamp,
} from '../../../../src/base/time.ts'
import { keyReportData } from '../../../../src/wire/evidence.ts'
import { platformConforms } from '../../../conformance/platform.ts'
import { epoch, testNetwork, testNode } from '../../../fixtures/network.ts'
import {
  authority,
  elsewhere,
  forged,
  userData,
  verify,
  withField,
  withoutFields,
} from '../../../fixtures/nitro.ts'
import * as cbor from '../../../forge/cbor.ts'
import {
  makeNitroAuthority,
  type NitroRequest,
  nitroDocument,
  nitroImage,
} from '../../../forge/nitro.ts'

const images = { pcr0: 'coterie-test', pcr1: 'kernel', pcr2: 'application' }
const measurement = {
  name: 'software',
  platform: 'nitro',
  registers: Object.fromEntries(
    Object.entries(images).map(([register, image]) => [register, toHex(nitroImage(image))]),
  ),
  svnMin: 0,
  validFrom: '2026-10-31T00:00:00Z',
  validUntil: '2027-11-01T00:00:00Z',
} as const
const network = testNetwork({
  draft: {
    anchors: [{ platform: 'nitro', publicKey: authority.anchor }],
    measurements: [measurement],
    tcb: [tcbRuleOf('nitro')],
  },
})
const later = (span: Duration): Timestamp => after(epoch, span)
const claimsOf = (verification: Verification) => {
  if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
  return verification.claims
}

platformConforms('nitro', async () => {
  const node = await testNode(testNetwork(), 'a')
  const expectedReportData = keyReportData(network.network, 'nitro', node.keys)
  const { policy } = network
  const on = (request: NitroRequest, from = authority): Appraisal => {
    const body = nitroDocument(from, { userData: expectedReportData, ...request })
    const evidence = { platform: 'nitro', body }
    return { evidence, expectedReportData, endorsements: noEndorsements, policy, now: epoch }
  }
  const window = (from: number, until: number): NitroRequest => ({
    timestamp: later(hours(from)),
    leaf: { notBefore: later(hours(from)), notAfter: later(hours(until)) },
  })
  const genuine = on({})
  // AWS tells no versions of firmware: all that a network can do is to allow no status.
  const unruled = { ...policy, tcb: [] }
  return {
    genuine,
    debug: on({ pcrs: { 0: new Uint8Array(48), 1: new Uint8Array(48), 2: new Uint8Array(48) } }),
    expired: on(window(-4, -1)),
    notYetValid: on(window(1, 4)),
    foreign: on({}, elsewhere),
    otherMeasurement: on({ pcrs: { 0: nitroImage('other') } }),
    oldFirmware: { ...genuine, policy: unruled },
    otherReportData: { ...genuine, expectedReportData: new Uint8Array(64) },
  }
})

test('claims say the registers, the user data, the parent instance and the dates', () => {
  const at = later(minutes(2))
  const nonce = new Uint8Array(32).fill(1)
  const claims = claimsOf(verify(forged({ timestamp: at, nonce, publicKey: nonce }), at))
  expect(claims).toEqual({
    instance: utf8('i-0123456789abcdef0'),
    debug: false,
    registers: {
      pcr0: nitroImage('coterie-test'),
      pcr1: nitroImage('kernel'),
      pcr2: nitroImage('application'),
      pcr3: new Uint8Array(48),
      pcr4: expect.any(Uint8Array),
      pcr8: new Uint8Array(48),
    },
    svn: 0,
    tcb: { status: 'UpToDate', levels: [] },
    reportData: userData,
    expiresAt: later(hours(3)),
    issuedAt: at,
  })
})

test('every check that is promised passes, in the promised order', () => {
  const checks = new Checks()
  verify(forged(), epoch, { checks })
  const report = checkReport(nitroAppraiser.checks, checks.passed, undefined)
  expect(report.map(({ id }) => id)).toEqual(checks.passed.map(({ id }) => id))
  expect(report.every(({ outcome }) => outcome === 'pass')).toBe(true)
})

test('another start of the enclave is the same machine, another instance another', () => {
  const id = cbor.text('i-0123456789abcdef0-encfedcba9876543210')
  const restarted = forged(withField('module_id', id))
  const names = [forged(), restarted, forged({ instance: 'i-0123456789abcdef1' })].map(body =>
    toHex(claimsOf(verify(body)).instance),
  )
  expect(names[1]).toBe(names[0])
  expect(names[2]).not.toBe(names[0])
})

test('a document without user data has empty report data; of full length it is kept', () => {
  for (const data of [null, new Uint8Array(), new Uint8Array(512).fill(3)]) {
    expect(claimsOf(verify(forged({ userData: data }))).reportData).toEqual(
      data ?? new Uint8Array(),
    )
  }
})

test('one measured register of the image, kernel or application that is zero is debug mode', () => {
  for (const index of [0, 1, 2]) {
    expect(claimsOf(verify(forged({ pcrs: { [index]: new Uint8Array(48) } }))).debug).toBe(true)
  }
  expect(claimsOf(verify(forged({ pcrs: { 15: new Uint8Array(48) } }))).debug).toBe(false)
})

test('what AWS writes in more than one way is accepted in each', () => {
  const spellings: readonly NitroRequest[] = [
    { isTagged: true },
    { isOpen: true },
    { fields: entries => entries.toReversed() },
    withoutFields('nonce', 'public_key'),
    { pcrs: { 16: new Uint8Array(32), 17: new Uint8Array(64), 31: new Uint8Array(48) } },
    { nonce: new Uint8Array(512), publicKey: new Uint8Array(1024) },
  ]
  for (const spelling of spellings) expect(verify(forged(spelling)).kind).toBe('claims')
  const long = makeNitroAuthority(epoch, 7)
  expect(verify(nitroDocument(long, { userData }), epoch, { pinned: long }).kind).toBe('claims')
})

test('which machine once ran under some keys is answered alike for ever', async () => {
  const { keys } = await testNode(testNetwork(), 'a')
  const evidenceOf = (request: NitroRequest) => {
    const reportData = keyReportData(network.network, 'nitro', keys)
    return {
      platform: 'nitro',
      body: nitroDocument(authority, { userData: reportData, ...request }),
    }
  }
  const old = {
    timestamp: later(hours(-38)),
    leaf: { notBefore: later(hours(-40)), notAfter: later(hours(-37)) },
  }
  const attested = attestForEver(network, keys, evidenceOf(old))
  expect(attested).toMatchObject({ platform: 'nitro', registers: measurement.registers })
  expect(attested).toMatchObject({ instance: instanceOf('nitro', utf8('i-0123456789abcdef0')) })
  const debug = evidenceOf({ ...old, pcrs: { 0: new Uint8Array(48) } })
  expect(attestForEver(network, keys, debug)).toMatchObject({ code: 'DEBUG_ENABLED' })
})

describe('dates', () => {
  test('without a time the document is judged at its own', () => {
    const old = { notBefore: later(hours(-40)), notAfter: later(hours(-37)) }
    const body = forged({ leaf: old, timestamp: later(hours(-38)) })
    expect(verify(body)).toMatchObject({ check: 'chain', refusal: { code: 'EVIDENCE_EXPIRED' } })
    expect(verify(body, null)).toMatchObject({ kind: 'claims' })
  })

  test('a clock five minutes ahead is borne, and not more', () => {
    const on = (late: number) => forged({ timestamp: later(milliseconds(late)) })
    expect(verify(on(300_000)).kind).toBe('claims')
    const refusal = { code: 'EVIDENCE_NOT_YET_VALID', facts: { now: '2026-11-01T00:00:00.000Z' } }
    expect(verify(on(300_001))).toMatchObject({ check: 'timestamp', refusal })
    expect(verify(on(300_001), null).kind).toBe('claims')
  })

  test('a document made outside of the life of its certificate is refused, whatever the time', () => {
    const leaf = { notBefore: later(minutes(-10)), notAfter: later(hours(3)) }
    const times = [leaf.notBefore - 1, leaf.notAfter + 1, 0]
    for (const time of times) {
      const body = forged(withField('timestamp', cbor.number(time)))
      for (const now of [epoch, null]) {
        const refusal = { code: 'CHAIN_INVALID' }
        expect(verify(body, now)).toMatchObject({ check: 'timestamp', refusal })
      }
    }
  })
})

describe('fields', () => {
  test('are told by AWS’s names, believed or not', () => {
    const body = nitroDocument(elsewhere, {
      userData,
      isTagged: true,
      pcrs: { 15: userData.slice(16).fill(0) },
    })
    expect(nitroAppraiser.fieldsOf(body)).toMatchObject({
      module_id: 'i-0123456789abcdef0-enc0123456789abcdef',
      timestamp_ms: epoch,
      pcrs: { 0: toHex(nitroImage('coterie-test')) },
      zero_pcrs: [3, 8, 15],
      user_data: toHex(userData),
      ...{ nonce: null, public_key: null, debug: false, cose_tagged: true, cabundle_len: 2 },
    })
  })

  test('are not told of bytes that are no document', () => {
    const wrong = [new Uint8Array(), utf8('no'), forged().slice(1), forged({ pcrs: { 0: null } })]
    for (const body of wrong) expect(nitroAppraiser.fieldsOf(body)).toBeUndefined()
  })
})
