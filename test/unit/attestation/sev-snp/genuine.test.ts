import { describe, expect, test } from 'vitest'
import type { Product } from '../../../../src/attestation/sev-snp/products.ts'
import { sevSnpAppraiser } from '../../../../src/attestation/sev-snp/verify.ts'
import { concatBytes, utf8 } from '../../../../src/base/bytes.ts'
import { after, days, type Timestamp } from '../../../../src/base/time.ts'
import { epoch } from '../../../fixtures/network.ts'
import {
  certificates,
  crl,
  lookAtSnp,
  snpAuthorities,
  snpClaims,
  verifySnp,
} from '../../../fixtures/sev-snp.ts'
import { asPem, goodTcb, plainPolicy, snpCrl, snpEvidence } from '../../../forge/sev-snp.ts'

const milan = snpAuthorities.Milan
const inDays = (count: number): Timestamp => after(epoch, days(count))

describe('genuine evidence', () => {
  const products: readonly Product[] = ['Milan', 'Genoa', 'Turin']
  const kinds = ['vcek', 'vlek'] as const
  const cases = products.flatMap(product =>
    kinds.flatMap(kind =>
      [2, 3, 5]
        .filter(version => product !== 'Turin' || version > 2)
        .map(version => ({ product, kind, version })),
    ),
  )
  test.each(cases)('of version $version on $product by a $kind is verified', request => {
    const tcb = { ...goodTcb, fmc: request.product === 'Turin' ? 3 : 0 }
    const { verification, noted } = lookAtSnp({ ...request, tcb })
    if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
    const { fmc, ...others } = tcb
    const level = request.product === 'Turin' ? tcb : others
    const { claims } = verification
    expect(claims).toMatchObject({ debug: false, svn: 1, privilegeLevel: 0 })
    expect(claims.tcb).toEqual({ status: 'UpToDate', levels: [level, level, level] })
    expect(claims.expiresAt).toBe(inDays(30))
    expect(claims.issuedAt).toBe(inDays(-1))
    expect(noted.map(({ id }) => id)).toEqual(sevSnpAppraiser.checks)
    const body = snpEvidence(snpAuthorities[request.product], { ...request, tcb }).body
    expect(sevSnpAppraiser.fieldsOf(body)).toMatchObject({
      ...{ version: request.version, product: request.version === 2 ? null : request.product },
      certificate: { subject_cn: request.kind === 'vcek' ? 'SEV-VCEK' : 'SEV-VLEK' },
      reported_tcb: { bl: 4, tee: 1, snp: 24, ucode: 219 },
    })
  })

  test('reported, committed and launched versions are each a level', () => {
    const committedTcb = { ...goodTcb, snp: 23 }
    const launchTcb = { ...goodTcb, snp: 22 }
    const { tcb } = snpClaims({ committedTcb, launchTcb })
    expect(tcb.levels.map(({ snp }) => snp)).toEqual([24, 23, 22])
  })

  test('a machine is its chip; under a lease that hides it, all machines of the provider are one', () => {
    const chipId = new Uint8Array(64).fill(9)
    expect(snpClaims({ chipId }).instance).toEqual(chipId)
    expect(snpClaims({ kind: 'vlek', chipId }).instance).toEqual(chipId)
    const hidden = snpClaims({ kind: 'vlek', leaf: { providerId: 'CN=cc.example' } })
    expect(hidden.instance).toEqual(utf8('CN=cc.example'))
  })

  test('certificates come in the table, as PEM there, or among the endorsements', () => {
    const { ark, ask } = milan
    const { certificate, report } = snpEvidence(milan)
    const list = crl(snpCrl(milan))
    const table = [
      ['ark', asPem(ark)],
      ['ask', asPem(ask)],
      ['vcek', asPem(certificate)],
    ] as const
    expect(snpClaims({ table })).toEqual(snpClaims())
    const chain = concatBytes(asPem(certificate), asPem(ask), asPem(ark))
    for (const given of [[chain], [ark, certificate, ask]]) {
      const items = [...given.map(certificates), list]
      expect(snpClaims({ body: report, items })).toEqual(snpClaims())
    }
  })

  test('of several certificates the one of this chip and this firmware counts, and the others are passed over', () => {
    const { certificate, report } = snpEvidence(milan)
    const others = [
      snpEvidence(milan, { chipId: new Uint8Array(64).fill(1) }).certificate,
      snpEvidence(milan, { tcb: { ...goodTcb, snp: 23 } }).certificate,
      snpEvidence(milan, { kind: 'vlek' }).certificate,
      snpEvidence(milan, { leaf: { productName: 'Venice' } }).certificate,
      utf8('no certificate at all'),
      Uint8Array.of(0x30, 0),
    ]
    const items = [...others, certificate, milan.ask].map(certificates)
    expect(snpClaims({ body: report, items, revocation: 'if-present' }).debug).toBe(false)
  })

  test('Bergamo and Siena are machines of Genoa, and of no other line', () => {
    const cpu = [0x19, 0xa0, 2] as const
    for (const productName of ['Bergamo', 'Siena-A1', 'Genoa-B1']) {
      const request = { cpu, leaf: { productName } }
      expect(snpClaims({ ...request, product: 'Genoa' }).debug).toBe(false)
      expect(verifySnp(request)).toMatchObject({ refusal: { code: 'CHAIN_INVALID' } })
      expect(verifySnp({ leaf: { productName } })).toMatchObject({ check: 'product' })
    }
    for (const productName of ['Genoa-', 'Genoa-B', 'genoa', 'Genoa-B1x', 'constructor']) {
      const request = { product: 'Genoa', leaf: { productName } } as const
      expect(verifySnp(request)).toMatchObject({ refusal: { code: 'PRODUCT_MISMATCH' } })
    }
  })

  test('debug mode is a claim, for the policy to judge', () => {
    expect(snpClaims({ policy: plainPolicy | (1n << 19n) }).debug).toBe(true)
  })

  test('at no time, its own date counts and no list is asked for', () => {
    const { verification, noted } = lookAtSnp({ items: [], now: null })
    expect(verification).toMatchObject({ kind: 'claims' })
    expect(noted.find(({ id }) => id === 'revocation')?.outcome).toBe('skipped')
  })
})
