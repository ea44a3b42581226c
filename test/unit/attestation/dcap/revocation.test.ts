/** Lists of revoked certificates, which somebody would rather leave out; and what is kept of all that was read. */
import { describe, expect, test } from 'vitest'
import type { Endorsement } from '../../../../src/attestation/endorsements.ts'
import { utf8 } from '../../../../src/base/bytes.ts'
import { days, hours, type Timestamp } from '../../../../src/base/time.ts'
import {
  answerOf,
  answerTo,
  ask,
  at,
  authority,
  type CollateralChange,
  elsewhere,
  foreign,
  genuine,
  missedNames,
} from '../../../fixtures/dcap.ts'
import { epoch } from '../../../fixtures/network.ts'
import { dcapQuote, dcapSerials } from '../../../forge/dcap.ts'
import {
  dcapCollateral,
  dcapEndorsements,
  type ListRequest,
} from '../../../forge/dcap-collateral.ts'

const flipped = ({ kind, bytes }: Endorsement, place: number): Endorsement => ({
  kind,
  bytes: bytes.with(place, (bytes[place] ?? 0) ^ 1),
})

describe('lists of revoked certificates', () => {
  const list = (request: ListRequest, by: 'rootList' | 'pckList'): Endorsement =>
    dcapCollateral(authority, { [by]: request })[by]
  const crl = (bytes: Uint8Array): Endorsement => ({ kind: 'crl', bytes })
  const bad: readonly (readonly [string, string, (by: 'rootList' | 'pckList') => Endorsement])[] = [
    ['garbage', 'BAD_CERTIFICATE', () => crl(utf8('not a list at all'))],
    ['empty', 'BAD_CERTIFICATE', () => crl(new Uint8Array())],
    [
      'altered',
      'CRL_SIGNATURE_INVALID',
      by => flipped(genuine.sgx[by], genuine.sgx[by].bytes.length - 1),
    ],
    ['of another root', 'CRL_SIGNATURE_INVALID', by => foreign[by]],
    ['of another issuer', 'CRL_FOREIGN', by => list({ issuerName: 'ARK-Milan' }, by)],
    [
      'under the key of a machine',
      'CRL_SIGNATURE_INVALID',
      by => list({ issuerKey: authority.pck.privateKey }, by),
    ],
    ['expired', 'CRL_EXPIRED', by => list({ nextUpdate: at(hours(-1)) }, by)],
    ['of tomorrow', 'CRL_NOT_YET_VALID', by => list({ thisUpdate: at(hours(1)) }, by)],
  ]
  for (const by of ['rootList', 'pckList'] as const) {
    test.each(bad)(`${by} that is %s decides nothing: %s`, (_name, why, make) => {
      expect(answerTo('sgx', { [by]: make(by) })).toBe(`${missedNames[by]}: ${why}`)
      expect(answerTo('tdx', { [by]: make(by) })).toBe(`${missedNames[by]}: ${why}`)
    })
  }

  test('either list cannot stand in for the other', () => {
    const { rootList, pckList } = genuine.sgx
    expect(answerTo('sgx', { rootList: pckList })).toBe(`${missedNames.rootList}: CRL_FOREIGN`)
    expect(answerTo('sgx', { pckList: rootList })).toBe(`${missedNames.pckList}: CRL_FOREIGN`)
  })

  test.each([
    ['the machine', 'pckList', dcapSerials.pck, 'CERTIFICATE_REVOKED'],
    ['the authority of machines', 'rootList', dcapSerials.issuer, 'CERTIFICATE_REVOKED'],
    ['the signer of collateral', 'rootList', dcapSerials.signer, 'CERTIFICATE_REVOKED'],
    ['somebody else', 'pckList', '0abc', 'UpToDate'],
  ] as const)('that name %s in %s are heeded', (_name, by, serial, answer) => {
    const revoked = list({ revoked: ['0999', serial] }, by)
    expect(answerTo('sgx', { [by]: revoked })).toBe(answer)
    expect(answerTo('tdx', { [by]: revoked })).toBe(answer)
  })

  test('are taken by their date: an older one beside it does not hide a revocation', () => {
    const revoked = list({ revoked: [dcapSerials.pck], thisUpdate: at(hours(-1)) }, 'pckList')
    const { items } = dcapEndorsements(genuine.sgx)
    for (const all of [
      [revoked, ...items],
      [...items, revoked],
    ]) {
      expect(answerOf(ask('sgx', { request: { endorsements: { items: all } } }))).toBe(
        'CERTIFICATE_REVOKED',
      )
    }
  })
})

describe('what was read once', () => {
  const request = (now = epoch, change: CollateralChange = {}) => ({
    request: { now, endorsements: dcapEndorsements(genuine.sgx, change) },
  })

  test('is asked for its dates again: a month later it decides nothing', () => {
    expect(answerOf(ask('sgx', request()))).toBe('UpToDate')
    const later = answerOf(ask('sgx', request(at(days(29)))))
    expect(later).toContain('CRL_EXPIRED')
    expect(later).toContain('COLLATERAL_EXPIRED')
    expect(answerOf(ask('sgx', request(at(days(301)))))).toBe('EVIDENCE_EXPIRED')
    expect(answerOf(ask('sgx', request(at(days(-31)))))).toBe('EVIDENCE_NOT_YET_VALID')
    expect(answerOf(ask('sgx', request()))).toBe('UpToDate')
  })

  test('holds under no other root', () => {
    const body = dcapQuote(authority)
    const under = (...anchors: Uint8Array[]): string =>
      answerOf(ask('sgx', { request: { body, anchors } }))
    expect(under(authority.rootKey)).toBe('UpToDate')
    expect(under(elsewhere.rootKey)).toBe('UNKNOWN_ANCHOR')
    expect(under()).toBe('UNKNOWN_ANCHOR')
    expect(under(elsewhere.rootKey, authority.rootKey)).toBe('UpToDate')
  })

  test('lasts as long as it says, also where the quote is known', () => {
    const body = dcapQuote(authority)
    const judged = (now: Timestamp): string => answerOf(ask('sgx', { request: { body, now } }))
    expect(judged(epoch)).toBe('UpToDate')
    expect(judged(at(days(301)))).toBe('EVIDENCE_EXPIRED')
    expect(judged(epoch)).toBe('UpToDate')
  })

  test('gives way to what revokes it', () => {
    expect(answerOf(ask('sgx', request()))).toBe('UpToDate')
    const { pckList } = dcapCollateral(authority, { pckList: { revoked: [dcapSerials.pck] } })
    expect(answerOf(ask('sgx', request(epoch, { pckList })))).toBe('CERTIFICATE_REVOKED')
  })

  test('does not change with the bytes that it was read from', () => {
    const endorsements = dcapEndorsements(dcapCollateral(authority))
    expect(answerOf(ask('sgx', { request: { endorsements } }))).toBe('UpToDate')
    const copies = endorsements.items.map(({ kind, bytes }) => ({ kind, bytes: bytes.slice() }))
    for (const { bytes } of endorsements.items) bytes.fill(0)
    expect(answerOf(ask('sgx', { request: { endorsements: { items: copies } } }))).toBe('UpToDate')
    expect(answerOf(ask('sgx', request()))).toBe('UpToDate')
    expect(answerOf(ask('sgx', { request: { endorsements } }))).toContain('BAD_')
  })
})
