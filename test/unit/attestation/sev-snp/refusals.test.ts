import { describe, expect, test } from 'vitest'
import { verifyEndorsementKey } from '../../../../src/attestation/sev-snp/chain.ts'
import { readEndorsementKey } from '../../../../src/attestation/sev-snp/endorsement-key.ts'
import type { Tcb } from '../../../../src/attestation/sev-snp/products.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import { parseCertificate } from '../../../../src/attestation/x509.ts'
import { concatBytes, toHex } from '../../../../src/base/bytes.ts'
import { after, days, type Timestamp } from '../../../../src/base/time.ts'
import { epoch } from '../../../fixtures/network.ts'
import {
  certificates,
  type SnpCase,
  snpAuthorities,
  strangeAuthority,
  verifySnp,
} from '../../../fixtures/sev-snp.ts'
import { ia5, integer } from '../../../forge/der.ts'
import {
  asPem,
  authorityExtensions,
  goodTcb,
  type LeafRequest,
  plainPolicy,
  signReport,
  snpCertificate,
  snpEvidence,
  snpSerials,
  snpTable,
} from '../../../forge/sev-snp.ts'

const milan = snpAuthorities.Milan
const arc = '2b060104019c7801'

const inDays = (count: number): Timestamp => after(epoch, days(count))

const refusedAs = (code: string, check: string, facts: object = {}) => ({
  ...{ kind: 'refused', check },
  refusal: { code, facts },
})

const set =
  (offset: number, ...bytes: readonly number[]) =>
  (report: Uint8Array) =>
    report.set(bytes, offset)

const form: readonly (readonly [string, SnpCase, code: string])[] = [
  ['version 1', { version: 1 }, 'REPORT_NOT_SUPPORTED'],
  ['version 4', { version: 4 }, 'REPORT_NOT_SUPPORTED'],
  ['version 6', { version: 6 }, 'REPORT_NOT_SUPPORTED'],
  ['a version beyond a byte', { report: set(1, 1) }, 'REPORT_NOT_SUPPORTED'],
  ['no signature algorithm', { report: set(0x34, 0) }, 'REPORT_NOT_SUPPORTED'],
  ['another signature algorithm', { report: set(0x34, 2) }, 'REPORT_NOT_SUPPORTED'],
  ['no signing key', { report: set(0x48, 7 << 2) }, 'REPORT_NOT_SUPPORTED'],
  ['an unknown signing key', { report: set(0x48, 2 << 2) }, 'REPORT_NOT_SUPPORTED'],
  ['an unknown flag', { report: set(0x48, 0x20) }, 'EVIDENCE_MALFORMED'],
  ['an unknown flag further up', { report: set(0x4b, 0x80) }, 'EVIDENCE_MALFORMED'],
  ['a policy without its one', { policy: 0x10000n }, 'EVIDENCE_MALFORMED'],
  ['a policy with an unknown bit', { policy: plainPolicy | (1n << 26n) }, 'EVIDENCE_MALFORMED'],
  ['a policy with its last bit', { policy: plainPolicy | (1n << 63n) }, 'EVIDENCE_MALFORMED'],
  ['an unknown family', { cpu: [0x17, 1, 1] }, 'PRODUCT_NOT_SUPPORTED'],
  ['an unknown model', { cpu: [0x19, 0x20, 1] }, 'PRODUCT_NOT_SUPPORTED'],
  ['a Turin that is none', { cpu: [0x1a, 0x12, 1] }, 'PRODUCT_NOT_SUPPORTED'],
]

const chainCases: readonly (readonly [string, SnpCase, code: string, check: string])[] = [
  ['a processor of another product', { cpu: [0x19, 0x11, 1] }, 'PRODUCT_MISMATCH', 'product'],
  [
    'a certificate of another product',
    { leaf: { productName: 'Genoa' } },
    'PRODUCT_MISMATCH',
    'product',
  ],
  [
    'a product that nobody knows',
    { leaf: { productName: 'Venice' } },
    'PRODUCT_MISMATCH',
    'product',
  ],
  ['a reserved byte in its TCB', { report: set(0x183, 1) }, 'EVIDENCE_MALFORMED', 'product'],
  [
    'a reserved byte in what is committed',
    { report: set(0x1e2, 1) },
    'EVIDENCE_MALFORMED',
    'product',
  ],
  [
    'a key of chips certified where leases are',
    { leaf: { issuerName: 'SEV-VLEK-Milan' } },
    'CHAIN_INVALID',
    'chain',
  ],
  [
    'a lease certified where chips are',
    { kind: 'vlek', leaf: { issuerName: 'SEV-Milan' } },
    'CHAIN_INVALID',
    'chain',
  ],
  [
    'an authority of another product',
    { leaf: { issuerName: 'SEV-Genoa' } },
    'CHAIN_INVALID',
    'chain',
  ],
  [
    'a leaf under the root itself',
    { leaf: { issuerName: 'ARK-Milan', issuerKey: milan.root.privateKey } },
    'CHAIN_INVALID',
    'chain',
  ],
  [
    'a leaf that the authority did not sign',
    { leaf: { issuerKey: milan.root.privateKey } },
    'CHAIN_INVALID',
    'chain',
  ],
  ['a certificate that ended', { leaf: { notAfter: inDays(-1) } }, 'EVIDENCE_EXPIRED', 'chain'],
  [
    'a certificate of tomorrow',
    { leaf: { notBefore: inDays(1) } },
    'EVIDENCE_NOT_YET_VALID',
    'chain',
  ],
  [
    'a certificate of another chip',
    { leaf: { hardwareId: new Uint8Array(64).fill(1) } },
    'INSTANCE_MISMATCH',
    'instance',
  ],
  [
    'a chip that hides',
    { chipId: new Uint8Array(64), leaf: { hardwareId: new Uint8Array(64).fill(1) } },
    'INSTANCE_MISMATCH',
    'instance',
  ],
  [
    'a short id in its certificate',
    { leaf: { hardwareId: new Uint8Array(8) }, chipId: new Uint8Array(64) },
    'INSTANCE_MISMATCH',
    'instance',
  ],
  [
    'another chip of Turin',
    { product: 'Turin', leaf: { hardwareId: new Uint8Array(8).fill(1) } },
    'INSTANCE_MISMATCH',
    'instance',
  ],
  ['a migration agent', { policy: plainPolicy | (1n << 18n) }, 'MIGRATION_ALLOWED', 'migration'],
]

describe('evidence is refused', () => {
  test.each(form)('with %s', (_, request, code) => {
    expect(verifySnp(request)).toMatchObject(refusedAs(code, 'form'))
  })

  test.each(chainCases)('with %s', (_, request, code, check) => {
    expect(verifySnp(request)).toMatchObject(refusedAs(code, check))
  })

  const gaps = [
    [0x4c, 0x50],
    [0x18b, 0x1a0],
    [0x1eb, 0x1ec],
    [0x1ef, 0x1f0],
    [0x208, 0x2a0],
  ] as const
  const byVersion = [
    { version: 2, reserved: [...gaps, [0x188, 0x18b], [0x1f8, 0x208]] as const, given: [] },
    { version: 3, reserved: [...gaps, [0x1f8, 0x208]] as const, given: [0x40] },
    { version: 5, reserved: gaps, given: [0x1f8, 0x207] },
  ]
  test.each(byVersion)('with any reserved byte of version $version, and not with others', each => {
    const { version, reserved, given } = each
    const fails = (offset: number) => verifySnp({ version, report: set(offset, 1) })
    for (const [from, to] of reserved) {
      for (let offset = from; offset < to; offset++) {
        expect(fails(offset)).toMatchObject(refusedAs('EVIDENCE_MALFORMED', 'form'))
      }
    }
    for (const offset of given) expect(fails(offset)).toMatchObject({ kind: 'claims' })
  })

  const components = ['bootloader', 'tee', 'snp', 'microcode'] as const
  test.each([...components, 'fmc'] as const)(
    'with a certificate of another %s, older or newer',
    component => {
      const product = component === 'fmc' ? 'Turin' : 'Milan'
      const tcb: Tcb = { ...goodTcb, fmc: product === 'Turin' ? 2 : 0 }
      for (const step of [-1, 1]) {
        const leaf = { tcb: { ...tcb, [component]: (tcb[component] ?? 0) + step } }
        const facts = {
          component,
          reported: tcb[component],
          certified: (tcb[component] ?? 0) + step,
        }
        expect(verifySnp({ product, tcb, leaf })).toMatchObject(
          refusedAs('CERTIFICATE_TCB_MISMATCH', 'certificate-tcb', facts),
        )
      }
    },
  )

  test('with a certificate that leaves a component out, or names one that nobody knows', () => {
    const without = (oid: string) => (all: Readonly<Record<string, Uint8Array>>) =>
      Object.fromEntries(Object.entries(all).filter(([id]) => id !== oid))
    const withOne = (all: Readonly<Record<string, Uint8Array>>) => ({
      ...all,
      [`${arc}0304`]: integer('01'),
    })
    for (const extensions of [without(`${arc}0303`), withOne]) {
      expect(verifySnp({ leaf: { extensions } })).toMatchObject(
        refusedAs('CERTIFICATE_TCB_MISMATCH', 'certificate-tcb'),
      )
    }
  })

  test('with extensions of AMD that are not as defined', () => {
    const value = Uint8Array.of(1, 1, 0xff)
    for (const id of ['01', '02', '0301', '0308', '04', '05']) {
      const extensions = (all: Readonly<Record<string, Uint8Array>>) => ({
        ...all,
        [arc + id]: value,
      })
      expect(verifySnp({ leaf: { extensions } })).toMatchObject(
        refusedAs('EVIDENCE_MALFORMED', 'form', { reason: 'BAD_CERTIFICATE' }),
      )
    }
  })

  const signatures: readonly (readonly [string, (report: Uint8Array) => void])[] = [
    ['r of more than 384 bits', set(0x2a0 + 48, 1)],
    ['r of 576 bits', set(0x2a0 + 71, 1)],
    ['s of more than 384 bits', set(0x2a0 + 72 + 48, 1)],
    ['no signature', report => report.fill(0, 0x2a0)],
    [
      'big-endian numbers',
      report => {
        for (const at of [0x2a0, 0x2a0 + 72]) report.subarray(at, at + 48).reverse()
      },
    ],
    ['the key of another chip', report => signReport(report, strangeAuthority.chip.privateKey)],
  ]
  test.each(signatures)('with a signature of %s', (_, signed) => {
    expect(verifySnp({ signed })).toMatchObject(refusedAs('SIGNATURE_INVALID', 'report-signature'))
  })

  test('with anything behind the signature', () => {
    for (const offset of [0x2a0 + 144, 1183]) {
      expect(verifySnp({ signed: set(offset, 1) })).toMatchObject(
        refusedAs('EVIDENCE_MALFORMED', 'form'),
      )
    }
  })

  test('under a root that is not pinned, whatever it calls itself', () => {
    const { body } = snpEvidence(strangeAuthority)
    expect(verifySnp({ body })).toMatchObject(refusedAs('UNKNOWN_ANCHOR', 'chain'))
  })

  test('with an authority in its table that no pinned root has signed, though it is not needed', () => {
    const { certificate } = snpEvidence(milan)
    const authorities = [milan.ask, milan.ark].map(certificates)
    for (const table of [
      [
        ['ark', strangeAuthority.ark],
        ['vcek', certificate],
      ],
      [
        ['ask', strangeAuthority.ask],
        ['vcek', certificate],
      ],
    ] as const) {
      expect(verifySnp({ table, items: authorities })).toMatchObject(
        refusedAs('UNKNOWN_ANCHOR', 'chain'),
      )
    }
  })

  test('with the wrong document in a slot, or several, or none that can be read', () => {
    const { certificate } = snpEvidence(milan)
    const vlek = snpEvidence(milan, { kind: 'vlek' }).certificate
    for (const document of [
      vlek,
      milan.ask,
      new Uint8Array(40),
      concatBytes(certificate, certificate),
      concatBytes(asPem(certificate), asPem(certificate)),
    ]) {
      expect(verifySnp({ table: [['vcek', document]] })).toMatchObject(
        refusedAs('EVIDENCE_MALFORMED', 'form'),
      )
    }
  })

  test('with certified versions of more than a byte, or below zero', () => {
    for (const version of [
      integer('0104'),
      Uint8Array.of(2, 1, 0x84),
      Uint8Array.of(2, 2, 0xff, 4),
    ]) {
      const extensions = (all: Readonly<Record<string, Uint8Array>>) => ({
        ...all,
        [`${arc}0301`]: version,
      })
      expect(verifySnp({ leaf: { extensions } })).toMatchObject(
        refusedAs('EVIDENCE_MALFORMED', 'form'),
      )
    }
  })

  test('under a certificate of a chip and a provider at once, or of a provider with the name of a chip', () => {
    const both = (all: Readonly<Record<string, Uint8Array>>) => ({
      ...all,
      [`${arc}05`]: ia5('CN=cc.example'),
    })
    const long = 'x'.repeat(64)
    for (const request of [
      { leaf: { extensions: both } },
      { kind: 'vlek', leaf: { providerId: long } },
    ] as const) {
      expect(verifySnp(request)).toMatchObject(refusedAs('EVIDENCE_MALFORMED', 'form'))
    }
    expect(verifySnp({ kind: 'vlek', leaf: { providerId: long.slice(1) } }).kind).toBe('claims')
  })

  const authorities: readonly (readonly [string, LeafRequest, years: number, object])[] = [
    ['that AMD did not use', {}, 0, { code: 'CHAIN_INVALID', facts: { certificate: 0 } }],
    ['of another name', { issuerName: 'SEV-VLEK-Milan' }, 0, { code: 'CHAIN_INVALID' }],
    ['before it began', {}, -10, { code: 'EVIDENCE_NOT_YET_VALID', facts: { certificate: 1 } }],
    ['after it ended', {}, 30, { code: 'EVIDENCE_EXPIRED', facts: { certificate: 1 } }],
  ]
  test.each(authorities)('under an authority of AMD %s', (_, leaf, years, refusal) => {
    const key = readEndorsementKey(parseCertificate(snpEvidence(milan, { leaf }).certificate))
    if (key === undefined) throw new Error('no VCEK')
    const nothing = { keys: [], authorities: [], lists: [], unpublished: [] }
    const now = inDays(years * 365)
    const request = { product: 'Milan', anchors: vendorKeysOf('sev-snp'), now } as const
    expect(verifyEndorsementKey(key, nothing, request)).toMatchObject(refusal)
  })

  test('with more bytes than a report and a table can have', () => {
    const body = new Uint8Array(1184 + 16 * 1024 + 1)
    expect(verifySnp({ body })).toMatchObject(refusedAs('EVIDENCE_TOO_LARGE', 'size'))
  })

  test('with two tables', () => {
    const { body, certificate } = snpEvidence(milan)
    const twice = concatBytes(body, snpTable([['vcek', certificate]]))
    expect(verifySnp({ body: twice })).toMatchObject(refusedAs('EVIDENCE_MALFORMED', 'form'))
  })
})

describe('evidence stays undetermined', () => {
  const chip = toHex(snpEvidence(milan).report.subarray(0x1a0, 0x1e0))
  const versions = 'blSPL=04 teeSPL=01 snpSPL=24 ucodeSPL=219: absent'
  const turin = toHex(snpEvidence(snpAuthorities.Turin).report.subarray(0x1a0, 0x1a8))
  const cases: readonly (readonly [string, SnpCase, readonly string[]])[] = [
    ['of Milan', {}, [`certificates vcek Milan ${chip} ${versions}`]],
    ['of Turin', { product: 'Turin' }, [`certificates vcek Turin ${turin} fmcSPL=00 ${versions}`]],
    [
      'that names no product',
      { version: 2 },
      ['Milan', 'Genoa'].map(name => `certificates vcek ${name} ${chip} ${versions}`),
    ],
    ['under a lease', { kind: 'vlek' }, ['certificates vlek Milan key: absent']],
  ]
  test.each(cases)(
    'without the certificate of a machine %s, and says where it is',
    (_, request, missing) => {
      expect(verifySnp({ ...request, table: [] })).toEqual({
        ...{ kind: 'undetermined', check: 'endorsement-key', missing },
      })
    },
  )

  test('without an authority whose root is that of its product, though the key of that root signed it', () => {
    const ask = snpCertificate({
      ...{ subject: 'SEV-Milan', serial: snpSerials.ask, issuerName: 'ARK-Genoa' },
      ...{ issuerKey: milan.root.privateKey, publicKey: milan.issuer.publicKey },
      ...{ notBefore: inDays(-1), notAfter: inDays(1) },
      extensions: authorityExtensions('00'),
    })
    const table = [
      ['ask', ask],
      ['vcek', snpEvidence(milan).certificate],
    ] as const
    expect(verifySnp({ table })).toMatchObject({ kind: 'undetermined', check: 'chain' })
  })

  test('without the authority above it, if it is none of those that the program knows', () => {
    const table = [['vcek', snpEvidence(milan).certificate]] as const
    expect(verifySnp({ table })).toEqual({
      ...{ kind: 'undetermined', check: 'chain', missing: ['certificates vcek Milan: absent'] },
    })
  })
})
