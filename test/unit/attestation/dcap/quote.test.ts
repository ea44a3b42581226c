/** What a quote alone decides. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sgxAppraiser, tdxAppraiser } from '../../../../src/attestation/dcap/verify.ts'
import { noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { concatBytes, toHex } from '../../../../src/base/bytes.ts'
import { answerOf, ask, authority, claimsOf, type Tee } from '../../../fixtures/dcap.ts'
import { epoch } from '../../../fixtures/network.ts'
import {
  dcapCertificate,
  dcapNames,
  dcapQuote,
  goodPck,
  le,
  makeDcapAuthority,
  makePair,
  type PckForm,
  pckCertificate,
  pckFields,
  type QuoteForm,
  type QuoteRequest,
} from '../../../forge/dcap.ts'
import { octets, oid, sequence } from '../../../forge/der.ts'

const forms: readonly (readonly [QuoteForm, Tee])[] = [
  ['v3', 'sgx'],
  ['v4', 'tdx'],
  ['v5', 'tdx'],
  ['v5-later', 'tdx'],
]

test.each(forms)('a genuine quote of form %s says what the machine is', (form, tee) => {
  const reportData = Uint8Array.from({ length: 64 }, (_, i) => i)
  const claims = claimsOf(ask(tee, { quote: { form, reportData } }))
  expect(claims).toMatchObject({ debug: false, reportData, svn: tee === 'sgx' ? 1 : 0 })
  expect(toHex(claims.instance)).toBe(goodPck.platformInstance)
  expect(Object.keys(claims.registers).length).toBe(tee === 'sgx' ? 3 : 8)
  expect(toHex(claims.registers['productId'] ?? new Uint8Array())).toBe(tee === 'sgx' ? '0102' : '')
})

test('a machine of one package is named by its PPID', () => {
  const leaf = { pck: { platformInstance: undefined } }
  expect(toHex(claimsOf(ask('sgx', { quote: { leaf } })).instance)).toBe(goodPck.ppid)
})

test.each(forms)('bytes that no quote of form %s has are refused or passed over', (form, tee) => {
  const body = concatBytes(dcapQuote(authority, { form }), new Uint8Array(100).fill(65))
  const answer = answerOf(ask(tee, { request: { body } }))
  expect(answer).toBe(tee === 'sgx' ? 'EVIDENCE_MALFORMED' : 'UpToDate')
  const endless = concatBytes(body, new Uint8Array(16 * 1024))
  expect(answerOf(ask(tee, { request: { body: endless } }))).toBe('EVIDENCE_TOO_LARGE')
})

/** Adds `count` to a length of four bytes, little-endian. */
function lengthen(body: Uint8Array, at: number, count: number): void {
  const view = new DataView(body.buffer)
  view.setUint32(at, view.getUint32(at, true) + count, true)
}

test('bytes that no length inside of a quote speaks of are refused', () => {
  const tail = Uint8Array.of(0)
  const enclave = concatBytes(dcapQuote(authority), tail)
  lengthen(enclave, 432, 1)
  expect(answerOf(ask('sgx', { request: { body: enclave } }))).toBe('EVIDENCE_MALFORMED')
  const around = concatBytes(dcapQuote(authority, { form: 'v4' }), tail)
  lengthen(around, 632, 1)
  expect(answerOf(ask('tdx', { request: { body: around } }))).toBe('EVIDENCE_MALFORMED')
  lengthen(around, 632 + 4 + 128 + 2, 1)
  expect(answerOf(ask('tdx', { request: { body: around } }))).toBe('EVIDENCE_MALFORMED')
})

/** Certificates in lines of so many letters. */
const inLines =
  (letters: number) =>
  (text: string): string =>
    text.replaceAll(/-\n([^-]+)\n-/g, (_, block: string) => {
      const lines = block.replaceAll('\n', '').match(new RegExp(`.{1,${letters}}`, 'g'))
      return `-\n${lines?.join('\n')}\n-`
    })

test.each([
  [64, 'UpToDate'],
  [76, 'UpToDate'],
  [70, 'EVIDENCE_MALFORMED'],
])('a chain in lines of %i letters is judged', (letters, answer) => {
  expect(answerOf(ask('sgx', { quote: { pem: inLines(letters) } }))).toBe(answer)
})

const header = (at: number, value: readonly number[]): QuoteRequest => ({
  header: bytes => bytes.set(value, at),
})

test.each([
  ['another version', 'sgx', header(0, [2])],
  ['SGX in version 4', 'sgx', { form: 'v4', ...header(4, [0]) }],
  ['TDX in version 3', 'tdx', { form: 'v3', ...header(4, [0x81]) }],
  ['a trust domain where an enclave is expected', 'sgx', { form: 'v4' }],
  ['an enclave where a trust domain is expected', 'tdx', { form: 'v3' }],
  ['a key on P-384', 'tdx', header(2, [3])],
  ['a quoting enclave of somebody else', 'sgx', header(12, [0])],
] as const)('%s is not supported', (_name, tee, quote) => {
  expect(answerOf(ask(tee, { quote }))).toBe('QUOTE_NOT_SUPPORTED')
})

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** One of a few chains has no padding, and then another letter does. */
const withBitsLeftOver = (text: string): string =>
  text.includes('=')
    ? text.replace(/(.)(=+)\n/, (_, last: string, padding: string) => {
        return `${letters[letters.indexOf(last) + 1]}${padding}\n`
      })
    : `${text}x`

describe('the chain', () => {
  const other = makeDcapAuthority(epoch)
  const certify = (issuerName: string) =>
    dcapCertificate({
      ...{ subject: dcapNames.root, issuerName, serial: '01', pathLength: '01' },
      ...{ issuerKey: other.root.privateKey, publicKey: authority.root.publicKey },
      ...{ notBefore: epoch, notAfter: epoch },
    })
  const chains: readonly (readonly [string, QuoteRequest, string])[] = [
    [
      'ends with a root of the same name and another key',
      { chain: ([leaf, issuer]) => [leaf!, issuer!, other.rootCertificate] },
      'UNKNOWN_ANCHOR',
    ],
    [
      'ends with a root that does not sign itself',
      { chain: ([leaf, issuer]) => [leaf!, issuer!, certify(dcapNames.root)] },
      'UNKNOWN_ANCHOR',
    ],
    ['has no root', { chain: chain => chain.slice(0, 2) }, 'CHAIN_INVALID'],
    ['has a fourth certificate', { chain: chain => [...chain, chain[2]!] }, 'CHAIN_INVALID'],
    [
      'has an authority of another root',
      { chain: ([leaf, , root]) => [leaf!, other.issuerCertificate, root!] },
      'CHAIN_INVALID',
    ],
    [
      'has a leaf of another authority',
      { leaf: { issuerKey: other.issuer.privateKey } },
      'CHAIN_INVALID',
    ],
    [
      'has an authority that is no authority',
      { chain: ([leaf, , root]) => [leaf!, authority.signerCertificate, root!] },
      'CHAIN_INVALID',
    ],
    [
      'has its root in the middle',
      { chain: ([leaf, issuer, root]) => [leaf!, root!, issuer!] },
      'UpToDate',
    ],
    ['is text with a word too many', { pem: text => `${text}x` }, 'EVIDENCE_MALFORMED'],
    ['is text with bits left over', { pem: withBitsLeftOver }, 'EVIDENCE_MALFORMED'],
    ['is said to be something else', { certificationType: 1 }, 'EVIDENCE_MALFORMED'],
  ]
  test.each(chains)('that %s is judged', (_name, quote, answer) => {
    expect(answerOf(ask('sgx', { quote }))).toBe(answer)
  })

  /** A quote under an authority of this name. */
  const under = (subject: string): QuoteRequest => {
    const certificate = dcapCertificate({
      ...{ subject, issuerName: dcapNames.root, serial: '01', pathLength: '00' },
      ...{ issuerKey: authority.root.privateKey, publicKey: authority.issuer.publicKey },
      ...{ notBefore: authority.at, notAfter: authority.at },
    })
    return {
      leaf: { issuerName: subject },
      chain: ([leaf, , root]) => [leaf!, certificate, root!],
    }
  }

  test('of an authority that issues no PCK certificates is not read', () => {
    expect(answerOf(ask('sgx', { quote: under(dcapNames.signer) }))).toBe('EVIDENCE_MALFORMED')
  })

  test('of the authority of processors asks for the list of that one', () => {
    const quote = under('Intel SGX PCK Processor CA')
    expect(answerOf(ask('sgx', { quote }))).toBe('crl processor: CRL_FOREIGN')
  })
})

const extra = sequence(oid('2a864886f84d010d0109'), octets(new Uint8Array(1)))
const changed = (change: Partial<PckForm>): Uint8Array[] => pckFields({ ...goodPck, ...change })

test.each([
  ['no FMSPC', (fields: Uint8Array[]) => fields.filter((_, i) => i !== 3)],
  ['an FMSPC of five bytes', () => changed({ fmspc: '0011223344' })],
  ['a PPID of one byte', () => changed({ ppid: '00' })],
  ['two PPIDs', (fields: Uint8Array[]) => [...fields, fields[0]!]],
  ['a field that nobody knows', (fields: Uint8Array[]) => [...fields, extra]],
  ['fifteen components', () => changed({ components: goodPck.components.slice(1) })],
  [
    'a component above a byte',
    () => changed({ components: [256, ...goodPck.components.slice(1)] }),
  ],
  ['nothing', () => []],
])('a PCK certificate with %s is not read', (_name, fields) => {
  expect(answerOf(ask('sgx', { quote: { leaf: { fields } } }))).toBe('EVIDENCE_MALFORMED')
})

describe('who signed', () => {
  test('the report of a quoting enclave under another PCK is refused', () => {
    const stranger = { ...authority, pck: makePair() }
    const chain = (_: unknown): Uint8Array[] => [
      pckCertificate(authority),
      authority.issuerCertificate,
      authority.rootCertificate,
    ]
    const body = dcapQuote(stranger, { chain })
    const { verification } = ask('sgx', { request: { body } })
    expect(verification).toMatchObject({
      check: 'qe-report-signature',
      refusal: { code: 'SIGNATURE_INVALID' },
    })
  })

  test('a quote by a key that the quoting enclave does not name is refused', () => {
    const quote = { attestation: makePair() }
    expect(answerOf(ask('tdx', { quote }))).toBe('ATTESTATION_KEY_MISMATCH')
  })

  test('a quoting enclave that says more in its report than the key is refused', () => {
    const quote: QuoteRequest = { quotingEnclave: report => report.set([1], 383) }
    expect(answerOf(ask('tdx', { quote }))).toBe('ATTESTATION_KEY_MISMATCH')
  })

  test.each(forms)(
    'a report of form %s that was changed after the signature is refused',
    (form, tee) => {
      const body = dcapQuote(authority, { form })
      body[200] = (body[200] ?? 0) ^ 1
      const { verification } = ask(tee, { request: { body } })
      expect(verification).toMatchObject({
        check: 'quote-signature',
        refusal: { code: 'SIGNATURE_INVALID' },
      })
    },
  )
})

describe('a trust domain', () => {
  const bit = (at: number): QuoteRequest => ({
    report: report => {
      report[120 + (at >> 3)] = (report[120 + (at >> 3)] ?? 0) | (1 << (at & 7))
    },
  })
  test.each(Array.from({ length: 64 }, (_, at) => at))('with attribute bit %i', at => {
    const answered = ask('tdx', { quote: bit(at) })
    const isAllowed = [0, 28, 30, 31, 63].includes(at)
    expect(answerOf(answered)).toBe(isAllowed ? 'UpToDate' : 'TD_ATTRIBUTES_NOT_ALLOWED')
    if (isAllowed) expect(claimsOf(answered).debug).toBe(at === 0)
  })

  const set = (at: number, value: number): QuoteRequest => ({
    form: 'v5-later',
    report: report => report.set([value], at),
  })
  test.each([
    ['SEPT_VE_DISABLE off', set(123, 0), 'TD_ATTRIBUTES_NOT_ALLOWED'],
    ['a module with attributes', set(119, 1), 'TDX_MODULE_MISMATCH'],
    ['a module of another signer', set(64, 1), 'TDX_MODULE_MISMATCH'],
    ['a service TD bound to it', set(647, 1), 'SERVICE_TD_BOUND'],
  ])('with %s is refused, also for ever', (_name, quote, code) => {
    expect(answerOf(ask('tdx', { quote }))).toBe(code)
    const request = { endorsements: noEndorsements, now: null }
    expect(answerOf(ask('tdx', { quote, request }))).toBe(code)
  })
})

describe('where nobody asks the time', () => {
  const request = { endorsements: noEndorsements, now: null }

  test.each(forms)('a quote of form %s needs no word of Intel', (form, tee) => {
    const claims = claimsOf(ask(tee, { quote: { form }, request }))
    const now = claimsOf(ask(tee, { quote: { form } }))
    expect(claims.registers).toEqual(now.registers)
    expect(claims.instance).toEqual(now.instance)
  })

  test.each([
    ['of another signer', 128, 0],
    ['of another product', 256, 9],
    ['in debug mode', 48, 0x17],
  ])('a quoting enclave %s is refused: any host may have written it', (_name, at, value) => {
    const quote: QuoteRequest = { quotingEnclave: report => report.set([value], at) }
    expect(answerOf(ask('sgx', { quote, request }))).toBe('QE_IDENTITY_MISMATCH')
    expect(answerOf(ask('tdx', { quote, request }))).toBe('QE_IDENTITY_MISMATCH')
  })
})

describe('fields', () => {
  const appraisers = { sgx: sgxAppraiser, tdx: tdxAppraiser }

  test.each(forms)('of form %s are told whether they are believed or not', (form, tee) => {
    const body = dcapQuote(authority, { form })
    body[500] = (body[500] ?? 0) ^ 1
    const fields = appraisers[tee].fieldsOf(body)
    const { length } = body
    const tees = { v3: 'sgx', v4: 'tdx10', v5: 'tdx10', 'v5-later': 'tdx15' }
    expect(fields).toMatchObject({ tee: tees[form], quote_exact_len: length, trailing_bytes: 0 })
    expect(fields?.['pck']).toMatchObject({ fmspc: goodPck.fmspc, ca: 'platform', pcesvn: 13 })
    expect(JSON.parse(JSON.stringify(fields))).toEqual(fields)
  })

  test('are told without the PCK where its certificate cannot be read, and not of other bytes', () => {
    const unreadable = dcapQuote(authority, { pem: () => 'no certificate' })
    expect(sgxAppraiser.fieldsOf(unreadable)).toMatchObject({ version: 3 })
    expect(sgxAppraiser.fieldsOf(unreadable)?.['pck']).toBeUndefined()
    expect(tdxAppraiser.fieldsOf(unreadable)).toBeUndefined()
    expect(sgxAppraiser.fieldsOf(unreadable.subarray(0, -1))).toBeUndefined()
  })

  test('of arbitrary bytes are told or not, and nothing throws', () => {
    const bytes = fc.uint8Array({ maxLength: 1024 })
    const cut = fc
      .tuple(fc.constantFrom(...forms), fc.nat(6000))
      .map(([[form], length]) => dcapQuote(authority, { form }).subarray(0, length))
    fc.assert(
      fc.property(fc.oneof(bytes, cut), body => {
        const padded = concatBytes(le(2, 4), body)
        for (const tee of ['sgx', 'tdx'] as const) {
          for (const each of [body, padded]) {
            appraisers[tee].fieldsOf(each)
            expect(ask(tee, { request: { body: each } }).verification.kind).not.toBe('undetermined')
          }
        }
      }),
      { numRuns: 50 },
    )
  })
})
