/** What Intel says about a machine, and what becomes of it on the way. */
import { describe, expect, test } from 'vitest'
import type { Endorsement } from '../../../../src/attestation/endorsements.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { fromUtf8, utf8 } from '../../../../src/base/bytes.ts'
import { days, hours, timestamp } from '../../../../src/base/time.ts'
import {
  answerOf,
  answerTo,
  ask,
  at,
  authority,
  claimsOf,
  elsewhere,
  foreign,
  genuine,
  missedNames,
} from '../../../fixtures/dcap.ts'
import {
  dcapCertificate,
  dcapNames,
  dcapSerials,
  goodPck,
  makePair,
  pemText,
} from '../../../forge/dcap.ts'
import {
  type CollateralRequest,
  dcapCollateral,
  dcapEndorsements,
  identityForm,
  instantText,
  platformLevel,
  signedDocument,
  tcbInfoForm,
} from '../../../forge/dcap-collateral.ts'

const kinds = ['rootList', 'pckList', 'tcbInfo', 'identity'] as const

test('without any word of Intel all of it is to be fetched', () => {
  const { verification } = ask('tdx', { request: { endorsements: noEndorsements } })
  expect(verification).toEqual({
    kind: 'undetermined',
    check: 'revocation',
    missing: [
      'crl root: absent',
      'crl platform: absent',
      'certificates tcb-signing: absent',
      `tcb-info tdx ${goodPck.fmspc}: absent`,
      'qe-identity tdx: absent',
    ],
  })
})

test.each(kinds)('without %s nothing is decided', kind => {
  // The list of the other issuer is still there.
  const why = kind === 'rootList' || kind === 'pckList' ? 'CRL_FOREIGN' : 'absent'
  expect(answerTo('sgx', { [kind]: undefined })).toBe(`${missedNames[kind]}: ${why}`)
})

test('without the signer’s certificate nothing is decided', () => {
  expect(answerTo('sgx', { signers: undefined })).toBe(
    [
      `${missedNames.signers}: absent`,
      `${missedNames.tcbInfo}: COLLATERAL_SIGNER_MISSING`,
      `${missedNames.identity}: COLLATERAL_SIGNER_MISSING`,
    ].join(', '),
  )
})

test('collateral is not looked for on behalf of a quote that no machine made', () => {
  const quote = { attestation: makePair() }
  const answered = ask('sgx', { quote, request: { endorsements: noEndorsements } })
  expect(answerOf(answered)).toBe('ATTESTATION_KEY_MISMATCH')
})

describe('TCB info and identities', () => {
  const document = (collateral: CollateralRequest, by: 'tcbInfo' | 'identity'): Endorsement =>
    dcapCollateral(authority, collateral)[by]
  const past = instantText(at(hours(-1)))
  const future = instantText(at(hours(1)))
  const named = { tcbInfo: 'tcbInfo', identity: 'enclaveIdentity' } as const
  const { privateKey: signerKey } = authority.signer

  test.each([
    ['another model', { fmspc: '00aa00aa00aa' }],
    ['another PCE', { pceId: '0001' }],
  ])('TCB info of %s is not of this machine', (_name, change) => {
    const tcbInfo = document({ tcbInfo: info => Object.assign(info, change) }, 'tcbInfo')
    expect(answerTo('sgx', { tcbInfo })).toBe(`${missedNames.tcbInfo}: COLLATERAL_FOREIGN`)
  })

  test('what is said of SGX is not said of TDX, nor the other way', () => {
    expect(answerTo('sgx', { tcbInfo: genuine.tdx.tcbInfo })).toContain('COLLATERAL_FOREIGN')
    expect(answerTo('sgx', { identity: genuine.tdx.identity })).toContain('COLLATERAL_FOREIGN')
    expect(answerTo('tdx', { tcbInfo: genuine.sgx.tcbInfo })).toContain('COLLATERAL_FOREIGN')
    expect(answerTo('tdx', { identity: genuine.sgx.identity })).toContain('COLLATERAL_FOREIGN')
  })

  for (const by of ['tcbInfo', 'identity'] as const) {
    const bad: readonly (readonly [string, string, () => Endorsement])[] = [
      [
        'that is over',
        'COLLATERAL_EXPIRED',
        () => document({ [by]: (form: object) => Object.assign(form, { nextUpdate: past }) }, by),
      ],
      [
        'of tomorrow',
        'COLLATERAL_NOT_YET_VALID',
        () => document({ [by]: (form: object) => Object.assign(form, { issueDate: future }) }, by),
      ],
      [
        'of another version',
        'BAD_COLLATERAL',
        () => document({ [by]: (form: object) => Object.assign(form, { version: 4 }) }, by),
      ],
      [
        'without a date',
        'BAD_COLLATERAL',
        () => document({ [by]: (form: object) => Object.assign(form, { nextUpdate: 'soon' }) }, by),
      ],
      [
        'on a day that does not exist',
        'BAD_COLLATERAL',
        () =>
          document(
            { [by]: (form: object) => Object.assign(form, { nextUpdate: '2027-02-30T00:00:00Z' }) },
            by,
          ),
      ],
      [
        'with a status that nobody knows',
        'BAD_COLLATERAL',
        () =>
          document(
            {
              [by]: (form: { tcbLevels: { tcbStatus: string }[] }) =>
                Object.assign(form.tcbLevels[0]!, { tcbStatus: 'Fine' }),
            },
            by,
          ),
      ],
      [
        'with a negative version',
        'BAD_COLLATERAL',
        () =>
          document(
            { [by]: (form: object) => Object.assign(form, { tcbEvaluationDataNumber: -1 }) },
            by,
          ),
      ],
      ['by another root', 'COLLATERAL_SIGNATURE_INVALID', () => foreign[by]],
      [
        'by a machine',
        'COLLATERAL_SIGNATURE_INVALID',
        () => document({ signer: authority.pck.privateKey }, by),
      ],
      ['that is no JSON', 'BAD_COLLATERAL', () => ({ ...genuine.sgx[by], bytes: utf8('{}') })],
      [
        'that is text without end',
        'BAD_COLLATERAL',
        () => ({ ...genuine.sgx[by], bytes: utf8('{'.repeat(200_000)) }),
      ],
    ]
    test.each(bad)(`${by} %s decides nothing: %s`, (_name, why, make) => {
      expect(answerTo('sgx', { [by]: make() })).toBe(`${missedNames[by]}: ${why}`)
    })

    test(`${by} spelled another way is not what Intel signed`, () => {
      const { kind, bytes } = genuine.sgx[by]
      const text = fromUtf8(bytes) ?? ''
      const spaced: Endorsement = { kind, bytes: utf8(JSON.stringify(JSON.parse(text), null, 1)) }
      expect(answerTo('sgx', { [by]: spaced })).toContain('COLLATERAL_SIGNATURE_INVALID')
      const [signed = '', signature = ''] = text.split('"signature":')
      const shouted = { kind, bytes: utf8(`${signed}"signature":${signature.toUpperCase()}`) }
      expect(answerTo('sgx', { [by]: shouted })).toContain('BAD_COLLATERAL')
      const around: Endorsement = {
        kind,
        bytes: utf8(`\n ${text.replace(`{"${named[by]}":`, `{ "${named[by]}" :\n`)}\n`),
      }
      expect(answerTo('sgx', { [by]: around })).toBe('UpToDate')
    })

    test(`${by} with any sixteenth byte changed decides nothing`, () => {
      const { kind, bytes } = genuine.sgx[by]
      const accepted: number[] = []
      for (let i = 0; i < bytes.length; i += 16) {
        const changed = { kind, bytes: bytes.with(i, (bytes[i] ?? 0) ^ 2) }
        if (!answerTo('sgx', { [by]: changed }).startsWith(missedNames[by])) accepted.push(i)
      }
      expect(accepted).toEqual([])
    })
  }

  test('of several the one with the highest evaluation number counts, in any order', () => {
    const said = (number: number, status: string): Endorsement =>
      document(
        {
          tcbInfo: info => {
            info.tcbEvaluationDataNumber = number
            info.tcbLevels = [platformLevel('sgx', 5, status)]
          },
        },
        'tcbInfo',
      )
    const [older, newer] = [said(16, 'ConfigurationNeeded'), said(18, 'SWHardeningNeeded')]
    const { items } = dcapEndorsements(genuine.sgx)
    for (const all of [
      [older, ...items, newer],
      [newer, ...items, older],
    ]) {
      const answered = ask('sgx', { request: { endorsements: { items: all } } })
      expect(answerOf(answered)).toBe('SWHardeningNeeded')
      // The identity beside it still has the lower number.
      expect(claimsOf(answered).tcb.evaluationNumber).toBe(17)
    }
  })

  test('below the number that somebody saw are out of force', () => {
    const request = { evaluationNumberMin: 17 }
    expect(answerOf(ask('sgx', { request }))).toBe('UpToDate')
    expect(answerOf(ask('sgx', { request: { evaluationNumberMin: 18 } }))).toBe(
      `${missedNames.tcbInfo}: COLLATERAL_SUPERSEDED, ${missedNames.identity}: COLLATERAL_SUPERSEDED`,
    )
  })

  test('a member that Intel adds changes nothing', () => {
    const info = { ...tcbInfoForm('sgx', authority), tcbColour: 'blue' }
    const tcbInfo: Endorsement = {
      kind: 'tcb-info',
      bytes: signedDocument('tcbInfo', info, signerKey),
    }
    const form = { ...identityForm('sgx', authority), note: null }
    const identity: Endorsement = {
      kind: 'qe-identity',
      bytes: signedDocument('enclaveIdentity', form, signerKey),
    }
    expect(answerTo('sgx', { tcbInfo, identity })).toBe('UpToDate')
  })
})

const certificate = (change: Partial<Parameters<typeof dcapCertificate>[0]>): Endorsement => ({
  kind: 'certificates',
  bytes: utf8(
    pemText([
      dcapCertificate({
        ...{ subject: dcapNames.signer, issuerName: dcapNames.root, serial: dcapSerials.signer },
        ...{ issuerKey: authority.root.privateKey, publicKey: authority.signer.publicKey },
        ...{ notBefore: at(days(-9)), notAfter: at(days(9)) },
        pathLength: null,
        ...change,
      }),
      authority.rootCertificate,
    ]),
  ),
})

describe('who signs collateral', () => {
  test.each([
    ['has another name', { subject: 'Intel SGX Something' }, 'absent'],
    ['is an authority', { pathLength: '00' }, 'absent'],
    ['is of another root', { issuerKey: elsewhere.root.privateKey }, 'CHAIN_INVALID'],
    ['is over', { notAfter: at(hours(-1)) }, 'EVIDENCE_EXPIRED'],
    ['begins tomorrow', { notBefore: at(hours(1)) }, 'EVIDENCE_NOT_YET_VALID'],
  ] as const)('and %s decides nothing', (_name, change, why) => {
    const [first] = answerTo('sgx', { signers: certificate(change) }).split(', ')
    expect(first).toBe(`${missedNames.signers}: ${why}`)
  })

  test('may have changed the certificate: the one that is of now counts', () => {
    const { items } = dcapEndorsements(genuine.sgx, {
      signers: certificate({ notAfter: at(hours(-1)) }),
    })
    const endorsements = { items: [...items, certificate({ serial: '0a99' })] }
    expect(answerOf(ask('sgx', { request: { endorsements } }))).toBe('UpToDate')
  })

  test('is read from DER of one certificate too, and among certificates of other vendors', () => {
    const bytes = authority.signerCertificate
    const { items } = dcapEndorsements(genuine.sgx, { signers: { kind: 'certificates', bytes } })
    const others = [utf8('garbage'), elsewhere.signerCertificate, authority.issuerCertificate]
    const strangers = others.map((each): Endorsement => ({ kind: 'certificates', bytes: each }))
    const endorsements = { items: [...strangers, ...items] }
    expect(answerOf(ask('sgx', { request: { endorsements } }))).toBe('UpToDate')
  })
})

test('a verdict ends with the first end of all that it rests on, and is of its latest date', () => {
  const ends: readonly (readonly [CollateralRequest, number])[] = [
    [{ rootList: { nextUpdate: at(days(3)) } }, 3],
    [{ pckList: { nextUpdate: at(days(4)) } }, 4],
    [{ tcbInfo: form => Object.assign(form, { nextUpdate: instantText(at(days(5))) }) }, 5],
    [{ identity: form => Object.assign(form, { nextUpdate: instantText(at(days(6))) }) }, 6],
    [{}, 28],
  ]
  for (const [collateral, left] of ends) {
    expect(claimsOf(ask('sgx', { collateral })).expiresAt).toBe(at(days(left)))
  }
  const signers = certificate({ notBefore: at(hours(-1)), notAfter: at(days(2)) })
  const endorsements = dcapEndorsements(genuine.sgx, { signers })
  const brief = claimsOf(ask('sgx', { request: { endorsements } }))
  expect(brief).toMatchObject({ expiresAt: at(days(2)), issuedAt: at(hours(-1)) })
  const soon = { leaf: { notAfter: at(days(1)) } }
  expect(claimsOf(ask('sgx', { quote: soon })).expiresAt).toBe(at(days(1)))
  const pckList = { thisUpdate: at(hours(-3)) }
  expect(claimsOf(ask('sgx', { collateral: { pckList } })).issuedAt).toBe(at(hours(-3)))
  expect(claimsOf(ask('sgx')).tcb.date).toBe(timestamp(Date.parse('2026-05-13T00:00:00Z')))
})
