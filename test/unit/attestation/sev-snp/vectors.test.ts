/** Reports that AMD's chips signed, under AMD's roots. */
import { describe, expect, test } from 'vitest'
import { Checks } from '../../../../src/attestation/checks.ts'
import type {
  Claims,
  Verification,
  VerificationRequest,
} from '../../../../src/attestation/claims.ts'
import { type Endorsement, noEndorsements } from '../../../../src/attestation/endorsements.ts'
import { certificatesIn } from '../../../../src/attestation/pem.ts'
import { isPublished, knownAuthority } from '../../../../src/attestation/sev-snp/authorities.ts'
import { verifyEndorsementKey } from '../../../../src/attestation/sev-snp/chain.ts'
import { readEndorsementKey } from '../../../../src/attestation/sev-snp/endorsement-key.ts'
import { amdName, type Product } from '../../../../src/attestation/sev-snp/products.ts'
import { sevSnpAppraiser } from '../../../../src/attestation/sev-snp/verify.ts'
import { vendorKeysOf } from '../../../../src/attestation/vendor-keys.ts'
import { verifyWith } from '../../../../src/attestation/verification.ts'
import { type Certificate, parseCertificate } from '../../../../src/attestation/x509.ts'
import { isSignedBy } from '../../../../src/attestation/x509-keys.ts'
import { concatBytes, toHex } from '../../../../src/base/bytes.ts'
import { type Timestamp, timestamp } from '../../../../src/base/time.ts'
import {
  absence,
  areVectorsAbsent,
  unjudgedPlaces,
  type Vector,
  vectorBytes,
  vectorsOf,
} from '../../../fixtures/vectors.ts'

const vectors = vectorsOf('sev-snp')
const reports = vectors.filter(({ file }) => file.endsWith('.report'))
const genuine = reports.filter(({ expected }) => expected.genuine)
const accepted = reports.filter(({ expected }) => expected.verdict === 'accept')

const anchors = vendorKeysOf('sev-snp')
const at = ({ verify_at }: Vector): Timestamp => timestamp(Date.parse(verify_at))
const products: readonly Product[] = ['Milan', 'Genoa', 'Turin']
const noBrought = { keys: [], authorities: [], lists: [], unpublished: [] }

const crlOf = (product: string): Endorsement => ({
  kind: 'crl',
  bytes: vectorBytes(`roots/amd-crl-${product.toLowerCase()}.der`),
})
/** Inside of the window of the lists. */
const september = timestamp(Date.parse('2026-09-01T00:00:00Z'))

/** The VCEK or VLEK of a vector. */
function certificateOf({ collateral }: Vector): Endorsement {
  const { vcek, vlek } = collateral?.files ?? {}
  return { kind: 'certificates', bytes: vectorBytes(vcek ?? vlek ?? '') }
}

function verify(vector: Vector, change: Partial<VerificationRequest> = {}): Verification {
  return verifyWith(sevSnpAppraiser, {
    body: vectorBytes(vector.file),
    endorsements: { items: [certificateOf(vector)] },
    ...{ anchors, now: at(vector), revocation: 'if-present', checks: new Checks() },
    ...change,
  })
}

function claimsIn(verification: Verification): Claims {
  if (verification.kind !== 'claims') throw new Error(JSON.stringify(verification))
  return verification.claims
}

describe.skipIf(areVectorsAbsent)(`published reports of SEV-SNP${absence}`, () => {
  test('all are read', () => {
    process.stdout.write(
      `sev-snp: ${vectors.length} vectors, ${accepted.length} reports accepted\n`,
    )
    expect(vectors.length).toBeGreaterThanOrEqual(9)
    expect(accepted.length).toBeGreaterThanOrEqual(5)
  })

  test.each(reports)('$id decodes to the known fields', vector => {
    const items = [certificateOf(vector)]
    const body = vectorBytes(vector.file)
    expect(sevSnpAppraiser.fieldsOf(body, { items })).toEqual(vector.fields)
    const { certificate: _, ...alone } = vector.fields ?? {}
    expect(sevSnpAppraiser.fieldsOf(body)).toEqual(alone)
  })

  test.each(accepted)('$id is accepted at its time', vector => {
    const claims = claimsIn(verify(vector))
    const { fields, valid_window: window } = vector
    expect(toHex(claims.registers['measurement'] ?? new Uint8Array())).toBe(fields?.['measurement'])
    expect(toHex(claims.reportData)).toBe(fields?.['report_data'])
    expect(toHex(claims.instance)).toBe(fields?.['chip_id'])
    expect(claims).toMatchObject({ debug: false, privilegeLevel: 0, svn: fields?.['guest_svn'] })
    expect([claims.issuedAt, claims.expiresAt].map(each => new Date(each).toISOString())[1]).toBe(
      window?.[1],
    )
  })

  const outcomes: Readonly<Record<string, string>> = {
    bad_endorsement_key_chain: 'CHAIN_INVALID',
  }
  const rejected = reports.filter(({ expected }) => expected.verdict === 'reject')
  test.each(rejected)('$id is refused for the known reason', vector => {
    const verification = verify(vector)
    const [reason = ''] = vector.expected.reasons
    // Those of the policy are claims of genuine evidence.
    if (reason === 'debug') expect(claimsIn(verification).debug).toBe(true)
    else if (reason === 'vmpl_1') expect(claimsIn(verification).privilegeLevel).toBe(1)
    else expect(verification).toMatchObject({ refusal: { code: outcomes[reason] } })
  })

  test.each(genuine)('$id is genuine at its time, and when nobody asks the time', vector => {
    const claims = claimsIn(verify(vector))
    expect(claimsIn(verify(vector, { now: null }))).toEqual(claims)
    const now = timestamp(claims.expiresAt + 1)
    expect(verify(vector, { now })).toMatchObject({
      refusal: { code: 'EVIDENCE_EXPIRED' },
    })
  })

  test('a machine under a lease is known by its chip or else by its provider', () => {
    const leased = genuine.filter(({ collateral }) => collateral?.files['vlek'] !== undefined)
    expect(leased.length).toBeGreaterThan(0)
    for (const vector of leased) {
      const { instance } = claimsIn(verify(vector))
      const { certificate } = vector.fields ?? {}
      const { csp_id: provider } = certificate as { readonly csp_id: string }
      const hasChip = !/^0+$/.test(String(vector.fields?.['chip_id']))
      expect(hasChip || new TextDecoder().decode(instance) === provider).toBe(true)
    }
  })

  test.each(genuine)('$id needs its certificate and a list that speaks now', vector => {
    const endorsements = noEndorsements
    const unknown = verify(vector, { endorsements })
    expect(unknown).toMatchObject({ kind: 'undetermined', check: 'endorsement-key' })
    const needy = { revocation: 'required' } as const
    expect(verify(vector, needy)).toMatchObject({ kind: 'undetermined', check: 'revocation' })
    const all = { items: [certificateOf(vector), ...products.map(crlOf)] }
    const old = verify(vector, { ...needy, endorsements: all })
    expect(old).toMatchObject({
      missing: [expect.stringMatching(/^crl v[cl]ek (Milan|Genoa): CRL_/)],
    })
    const listed = verify(vector, { ...needy, endorsements: all, now: september })
    const isExpired = claimsIn(verify(vector)).expiresAt < september
    if (isExpired) expect(listed).toMatchObject({ refusal: { code: 'EVIDENCE_EXPIRED' } })
    else expect(claimsIn(listed).expiresAt).toBe(Date.parse('2026-10-04T00:00:00Z'))
  })

  test.each(genuine)(
    '$id is refused with any sixteenth byte of report or certificate changed',
    vector => {
      const body = vectorBytes(vector.file)
      expect(
        unjudgedPlaces(body, each => verify(vector, { body: each }).kind !== 'refused'),
      ).toEqual([])
      const certificate = certificateOf(vector)
      const isAccepted = (bytes: Uint8Array): boolean => {
        const endorsements = { items: [{ ...certificate, bytes }] }
        return verify(vector, { endorsements }).kind === 'claims'
      }
      expect(unjudgedPlaces(certificate.bytes, isAccepted)).toEqual([])
    },
  )

  test.each(genuine)('$id is refused when cut short anywhere or prolonged', vector => {
    const body = vectorBytes(vector.file)
    for (let length = 0; length < body.length; length++) {
      const short = verify(vector, { body: body.subarray(0, length) })
      expect(short).toMatchObject({ kind: 'refused', check: 'form' })
    }
    const long = verify(vector, { body: Uint8Array.of(...body, 0) })
    expect(long).toMatchObject({ kind: 'refused', check: 'form' })
  })

  const tabled = accepted.filter(({ collateral }) => collateral?.files['tsm_auxblob'] !== undefined)
  test.each(tabled)(
    '$id needs nothing but the table of its host, and every byte of it is judged',
    vector => {
      const table = vectorBytes(vector.collateral?.files['tsm_auxblob'] ?? '')
      const whole = concatBytes(vectorBytes(vector.file), table)
      const endorsements = noEndorsements
      const isAccepted = (body: Uint8Array): boolean =>
        verify(vector, { body, endorsements }).kind === 'claims'
      expect(claimsIn(verify(vector, { body: whole, endorsements }))).toEqual(
        claimsIn(verify(vector)),
      )
      expect(sevSnpAppraiser.fieldsOf(whole)).toEqual(vector.fields)
      expect(unjudgedPlaces(whole, isAccepted)).toEqual([])
      for (let length = 0; length < whole.length; length += 7) {
        expect(isAccepted(whole.subarray(0, length))).toBe(false)
      }
      expect(isAccepted(concatBytes(whole, table))).toBe(false)
    },
  )
})

const authorityOf = (
  file: string,
): { readonly der: Uint8Array; readonly certificate: Certificate } => {
  const [der = new Uint8Array()] = certificatesIn(vectorBytes(`roots/amd-${file}.pem`))
  return { der, certificate: parseCertificate(der) }
}

describe.skipIf(areVectorsAbsent)(`published authorities of AMD${absence}`, () => {
  const pairs = products.flatMap(product =>
    (['vcek', 'vlek'] as const).map(kind => ({ product, kind })),
  )
  test.each(pairs)(
    'the constants of $product and $kind are the certificate that AMD published',
    ({ product, kind }) => {
      const short = kind === 'vcek' ? 'ask' : 'asvk'
      const { der, certificate } = authorityOf(`${short}-${product.toLowerCase()}`)
      const root = authorityOf(`ark-${product.toLowerCase()}`)
      const known = knownAuthority(product, kind, anchors)
      const { serial, publicKey, notBefore, notAfter } = certificate
      expect(known).toMatchObject({ serial, publicKey, notBefore, notAfter })
      expect(certificate.subject).toEqual(amdName(known?.commonName ?? ''))
      expect(root.certificate).toMatchObject({
        subject: certificate.issuer,
        publicKey: known?.rootKey,
      })
      expect(certificate.issuer).toEqual(amdName(`ARK-${product}`))
      expect([der, root.der].every(isPublished)).toBe(true)
      const { signatureAlgorithm: algorithm, tbs: message, signature } = certificate
      expect(isSignedBy(known?.rootKey ?? der, { algorithm, message, signature })).toBe(true)
      expect(knownAuthority(product, kind, [])).toBeUndefined()
    },
  )

  const alone = vectors.filter(({ file }) => file.endsWith('.vcek.der'))
  test.each(alone)('$id: a chain of Turin without a report', vector => {
    const key = readEndorsementKey(parseCertificate(vectorBytes(vector.file)))
    if (key === undefined) throw new Error('no VCEK')
    const { tcb, structVersion, product, hardwareId = new Uint8Array() } = key
    expect({
      ...{ structVer: structVersion, product, hwid: toHex(hardwareId) },
      ...{ bl: tcb['bootloader'], tee: tcb['tee'], snp: tcb['snp'], ucode: tcb['microcode'] },
      fmc: tcb['fmc'],
    }).toEqual(vector.fields?.['certificate'])
    const request = { product: 'Turin', anchors, now: at(vector) } as const
    expect(verifyEndorsementKey(key, noBrought, request)).toMatchObject({
      authority: { commonName: 'SEV-Turin', serial: '030001' },
    })
    const milan = { ...request, product: 'Milan' } as const
    expect(verifyEndorsementKey(key, noBrought, milan)).toMatchObject({ code: 'CHAIN_INVALID' })
    const foreign = { ...request, anchors: [] }
    expect(verifyEndorsementKey(key, noBrought, foreign)).toBeUndefined()
  })
})
