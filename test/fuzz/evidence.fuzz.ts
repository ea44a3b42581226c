/** Evidence of hardware, and what vendors say about it: every decoder that a stranger's bytes reach. */

import { parseEnclaveIdentity, parseTcbInfo } from '../../src/attestation/dcap/tcb-info.ts'
import { sgxAppraiser, tdxAppraiser } from '../../src/attestation/dcap/verify.ts'
import { endorsementsIn } from '../../src/attestation/endorsement-documents.ts'
import type { Endorsements } from '../../src/attestation/endorsements.ts'
import { nitroAppraiser } from '../../src/attestation/nitro/verify.ts'
import { certificatesOfPem } from '../../src/attestation/pem.ts'
import { parseRevocationList } from '../../src/attestation/revocation-list.ts'
import { parseCertificateTable } from '../../src/attestation/sev-snp/certificate-table.ts'
import { sevSnpAppraiser } from '../../src/attestation/sev-snp/verify.ts'
import { utf8 } from '../../src/base/bytes.ts'
import { ask, authority as dcapAuthority } from '../fixtures/dcap.ts'
import { forged, verify } from '../fixtures/nitro.ts'
import { certificates, crl, snpAuthorities, verifySnp } from '../fixtures/sev-snp.ts'
import { dcapQuote } from '../forge/dcap.ts'
import { dcapCollateral, identityForm, tcbInfoForm } from '../forge/dcap-collateral.ts'
import { asPem, snpCrl, snpEvidence } from '../forge/sev-snp.ts'
import { fuzz, type Target, typed } from './harness.ts'
import { type Draw, mutate } from './mutator.ts'

const nitroBodies = [forged(), forged({ isOpen: true, isTagged: true, nonce: new Uint8Array(32) })]
const snp = snpEvidence(snpAuthorities.Milan)
const snpBodies = [snp.body, snpEvidence(snpAuthorities.Milan, { version: 5, kind: 'vlek' }).body]
const snpList = snpCrl(snpAuthorities.Milan, { revoked: ['0badc0de'] })
const snpChain = [snp.certificate, snpAuthorities.Milan.ask]
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const dcapBodies = (['v3', 'v4', 'v5', 'v5-later'] as const).map(form =>
  dcapQuote(dcapAuthority, { form }),
)
const collateral = dcapCollateral(dcapAuthority, { tee: 'tdx' })
/** The same bytes as a document of every kind. */
const allOf = (bytes: Uint8Array): Endorsements => ({
  items: Object.values(collateral).map(({ kind }) => ({ kind, bytes })),
})

const samples: Readonly<Record<string, readonly Uint8Array[]>> = {
  'verification of Nitro evidence': nitroBodies,
  'fields of Nitro evidence': nitroBodies,
  'verification of SEV-SNP evidence': snpBodies,
  'fields of SEV-SNP evidence': snpBodies,
  'SEV-SNP evidence beside a certificate': snpChain,
  'SEV-SNP evidence beside a list': [snpList],
  parseCertificateTable: snpBodies.map(body => body.subarray(1184)),
  parseRevocationList: [snpList],
  certificatesOfPem: snpChain.map(asPem),
  'verification of SGX quotes': dcapBodies,
  'verification of TDX quotes': dcapBodies,
  'fields of quotes': dcapBodies,
  'collateral of Intel': Object.values(collateral).map(({ bytes }) => bytes),
  parseTcbInfo: [JSON.stringify(tcbInfoForm('tdx', dcapAuthority))].map(utf8),
  parseEnclaveIdentity: [JSON.stringify(identityForm('tdx', dcapAuthority))].map(utf8),
  'recognition of endorsements': [
    ...[snp.certificate, snpList, snp.body.subarray(1184)],
    ...[...snpChain.map(asPem), ...Object.values(collateral).map(({ bytes }) => bytes)],
    utf8('-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n'),
  ],
}

const targets: Readonly<Record<keyof typeof samples, Target>> = {
  'verification of Nitro evidence': typed(body => verify(body)),
  'fields of Nitro evidence': typed(nitroAppraiser.fieldsOf),
  'verification of SEV-SNP evidence': body => void verifySnp({ body }),
  'fields of SEV-SNP evidence': body => void sevSnpAppraiser.fieldsOf(body),
  'SEV-SNP evidence beside a certificate': bytes =>
    void verifySnp({ body: snp.report, items: [certificates(bytes)] }),
  'SEV-SNP evidence beside a list': bytes =>
    void verifySnp({ body: snp.body, items: [crl(bytes)] }),
  parseCertificateTable: typed(parseCertificateTable),
  parseRevocationList: typed(parseRevocationList),
  certificatesOfPem: typed(certificatesOfPem),
  'verification of SGX quotes': typed(body => ask('sgx', { request: { body } })),
  'verification of TDX quotes': typed(body => ask('tdx', { request: { body } })),
  'fields of quotes': typed(body => [sgxAppraiser.fieldsOf(body), tdxAppraiser.fieldsOf(body)]),
  'collateral of Intel': typed(bytes => ask('tdx', { request: { endorsements: allOf(bytes) } })),
  parseTcbInfo: typed(bytes => parseTcbInfo(text(bytes))),
  parseEnclaveIdentity: typed(bytes => parseEnclaveIdentity(text(bytes))),
  'recognition of endorsements': bytes => void endorsementsIn('a file', bytes),
}

fuzz(Object.entries(targets), (draw: Draw, name) => mutate(samples[name] ?? [], draw))
