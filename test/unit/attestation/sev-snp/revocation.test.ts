import { describe, expect, test } from 'vitest'
import { concatBytes } from '../../../../src/base/bytes.ts'
import { after, days, seconds, type Timestamp } from '../../../../src/base/time.ts'
import { epoch } from '../../../fixtures/network.ts'
import {
  crl,
  lookAtSnp,
  snpAuthorities,
  snpClaims,
  strangeAuthority,
  verifySnp,
} from '../../../fixtures/sev-snp.ts'
import { snpCrl, snpEvidence, snpSerials } from '../../../forge/sev-snp.ts'

const { Milan: milan, Genoa: genoa } = snpAuthorities
const inDays = (count: number): Timestamp => after(epoch, days(count))
/** Dates in lists have seconds. */
const moments = (count: number): Timestamp => after(epoch, seconds(count))
const good = snpCrl(milan)
const altered = good.map((byte, i) => (i === good.length - 9 ? byte ^ 1 : byte))
const revoking = (...revoked: readonly string[]) => crl(snpCrl(milan, { revoked }))

const unusable: readonly (readonly [string, Uint8Array, code: string])[] = [
  ['is empty', new Uint8Array(), 'CRL_MALFORMED'],
  ['is garbage', new Uint8Array(300).fill(0x5a), 'CRL_MALFORMED'],
  ['is cut short', good.subarray(0, -1), 'CRL_MALFORMED'],
  ['goes on behind its end', concatBytes(good, Uint8Array.of(0)), 'CRL_MALFORMED'],
  ['was altered', altered, 'CRL_SIGNATURE_INVALID'],
  ['another key signed under the same name', snpCrl(strangeAuthority), 'CRL_SIGNATURE_INVALID'],
  [
    'the authority below signed',
    snpCrl(milan, { key: milan.issuer.privateKey }),
    'CRL_SIGNATURE_INVALID',
  ],
  ['is of another root', snpCrl(genoa), 'CRL_FOREIGN'],
  ['ended', snpCrl(milan, { nextUpdate: moments(-1) }), 'CRL_EXPIRED'],
]

describe('a list of revoked certificates', () => {
  test.each(unusable)('that %s leaves it undetermined, asked for or not', (_, bytes, code) => {
    const why = `no list is good: ${code}`
    const undetermined = { kind: 'undetermined', check: 'revocation', why }
    for (const revocation of ['required', 'if-present'] as const) {
      expect(verifySnp({ items: [crl(bytes)], revocation })).toEqual({
        ...{ ...undetermined, missing: [`crl vcek Milan: ${code}`] },
      })
      // It hides no good one beside it, on either side.
      expect(verifySnp({ items: [crl(bytes), crl(good)], revocation }).kind).toBe('claims')
      const both = [revoking(snpSerials.ask), crl(bytes)]
      for (const items of [both, both.toReversed()]) {
        expect(verifySnp({ items, revocation }).kind).toBe('refused')
      }
    }
  })

  test('of a later day is the same as none, but that what it revokes stays revoked', () => {
    const later = { thisUpdate: moments(1) }
    const items = [crl(snpCrl(milan, later))]
    const why = 'no list is good: CRL_NOT_YET_VALID'
    expect(verifySnp({ items })).toMatchObject({ kind: 'undetermined', why })
    const { verification, noted } = lookAtSnp({ items, revocation: 'if-present' })
    expect(verification.kind).toBe('claims')
    expect(noted).toContainEqual({ id: 'revocation', outcome: 'skipped', why })
    const revoked = [snpSerials.ask]
    for (const revocation of ['required', 'if-present'] as const) {
      const revoking = [crl(snpCrl(milan, { ...later, revoked }))]
      expect(verifySnp({ items: revoking, revocation }).kind).toBe('refused')
      const forged = snpCrl(milan, { ...later, revoked, key: milan.issuer.privateKey })
      expect(verifySnp({ items: [crl(forged)], revocation }).kind).toBe('undetermined')
    }
  })

  test('that is not there leaves it undetermined, or unasked if nobody must have one', () => {
    const why = 'no list at hand'
    expect(verifySnp({ items: [] })).toMatchObject({ kind: 'undetermined', why })
    expect(verifySnp({ items: [], kind: 'vlek' })).toMatchObject({
      missing: ['crl vlek Milan: absent'],
    })
    const { verification, noted } = lookAtSnp({ items: [], revocation: 'if-present' })
    expect(verification.kind).toBe('claims')
    expect(noted).toContainEqual({ id: 'revocation', outcome: 'skipped', why })
  })

  const authorities = [
    { kind: 'vcek', serial: snpSerials.ask, certificate: 'SEV-Milan' },
    { kind: 'vlek', serial: snpSerials.asvk, certificate: 'SEV-VLEK-Milan' },
  ] as const
  test.each(authorities)(
    'that names $certificate refuses every $kind below it, asked for or not',
    each => {
      const { kind, serial, certificate } = each
      const facts = { certificate, serial }
      const expected = { check: 'revocation', refusal: { code: 'CERTIFICATE_REVOKED', facts } }
      for (const revocation of ['required', 'if-present'] as const) {
        const items = [revoking('0badc0de', serial)]
        expect(verifySnp({ kind, items, revocation })).toMatchObject(expected)
        expect(verifySnp({ kind, items: [crl(good), ...items], revocation })).toMatchObject(
          expected,
        )
        expect(verifySnp({ kind, items: [...items, crl(good)], revocation })).toMatchObject(
          expected,
        )
      }
      const others = authorities.map(other => other.serial).filter(other => other !== serial)
      expect(verifySnp({ kind, items: [revoking(...others)] }).kind).toBe('claims')
    },
  )

  test('that names the authority refuses nothing once it has ended, because it speaks no more', () => {
    const revoked = [snpSerials.ask]
    const items = [crl(snpCrl(milan, { revoked, nextUpdate: moments(-1) }))]
    expect(verifySnp({ items, revocation: 'if-present' }).kind).toBe('undetermined')
    expect(verifySnp({ items }).kind).toBe('undetermined')
  })

  test('may come in the table of the host', () => {
    const { ask } = milan
    const { certificate } = snpEvidence(milan)
    const table = (list: Uint8Array) =>
      [
        ['ask', ask],
        ['vcek', certificate],
        ['crl', list],
      ] as const
    expect(verifySnp({ table: table(good), items: [] }).kind).toBe('claims')
    const revoked = snpCrl(milan, { revoked: [snpSerials.ask] })
    expect(verifySnp({ table: table(revoked), items: [crl(good)] }).kind).toBe('refused')
  })

  test('bounds the verdict by its own end, the latest of several that speak', () => {
    const list = (from: number, until: number) =>
      crl(
        snpCrl(milan, {
          ...{ thisUpdate: inDays(from), nextUpdate: inDays(until) },
        }),
      )
    const items = [list(-3, 60), list(-2, 3), list(-40, 90)]
    expect(snpClaims({ items })).toMatchObject({
      ...{ issuedAt: inDays(-2), expiresAt: inDays(3) },
    })
  })

  test('beyond the eighth is not looked at', () => {
    const many = Array.from({ length: 8 }, () => crl(new Uint8Array(1)))
    expect(verifySnp({ items: [...many, crl(good)] }).kind).toBe('undetermined')
  })
})
