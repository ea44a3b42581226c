/**
 * Verifies reports of SEV-SNP guests (SEV-SNP Firmware ABI 56860) on Milan, Genoa and Turin. A chip signs a report with a key that is
 * derived from its fuses and from the versions of its firmware (VCEK), or with one that AMD leases to a cloud provider (VLEK). So the
 * certificate of the key must be of AMD, of this product, of these versions and of this chip; only then the signature says anything.
 */
import { utf8 } from '../../base/bytes.ts'
import { timestamp } from '../../base/time.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import type { Claims, PlatformAppraiser, Verification, VerificationRequest } from '../claims.ts'
import type { RevocationList } from '../revocation-list.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import { type Brought, brokenTable, broughtWith } from './brought.ts'
import { type Vouched, verifyEndorsementKey } from './chain.ts'
import { chooseKey, keyNames } from './choose-key.ts'
import { differingComponent, type EndorsementKey, isOfChip } from './endorsement-key.ts'
import { sevSnpFields } from './fields.ts'
import { isWholeTcb, type Product, tcbOf } from './products.ts'
import {
  brokenForm,
  decodeReport,
  productOf,
  type Report,
  reportBytes,
  signatureOf,
  signedPart,
} from './report.ts'
import { revocationOf } from './revocation.ts'
import { amdRoots } from './roots.ts'

/** A report and the largest table that Linux takes from a host (`SEV_FW_BLOB_MAX_SIZE`). */
const bodyBytesMax = reportBytes + 16 * 1024

export const sevSnpAppraiser: PlatformAppraiser = {
  verify: verifySevSnp,
  roots: amdRoots,
  checks: [
    ...['size', 'form', 'endorsement-key', 'product', 'chain', 'revocation'],
    ...['certificate-tcb', 'instance', 'report-signature', 'migration'],
  ],
  mainRegister: 'measurement',
  fieldsOf: sevSnpFields,
}

/** A report with everything that stands behind it. */
interface Case {
  readonly report: Report
  readonly key: EndorsementKey
  readonly product: Product
  readonly brought: Brought
}

/**
 * Claims of a report, or why not.
 *
 * Codes: `EVIDENCE_TOO_LARGE`, `REPORT_NOT_SUPPORTED`, `EVIDENCE_MALFORMED`, `PRODUCT_NOT_SUPPORTED`, `PRODUCT_MISMATCH`, those of
 * `verifyChain`, `CERTIFICATE_REVOKED`, `CERTIFICATE_TCB_MISMATCH`, `INSTANCE_MISMATCH`, `SIGNATURE_INVALID`,
 * `MIGRATION_ALLOWED`.
 *
 * @throws {PeerFault} for bytes that are no report, table or certificate.
 */
function verifySevSnp(request: VerificationRequest): Verification {
  const { body, checks, endorsements } = request
  if (body.length > bodyBytesMax) {
    const facts = { bytes: body.length, bytesMax: bodyBytesMax }
    return refused('size', { code: 'EVIDENCE_TOO_LARGE', facts })
  }
  checks.pass('size')
  const report = decodeReport(body)
  const broken = brokenForm(report)
  if (broken !== undefined) return refused('form', broken)
  const named = productOf(report)
  if (typeof named === 'object') return refused('form', named)
  const brought = broughtWith(body, endorsements)
  checks.pass('form')
  const key = chooseKey(report, brought)
  if (key === undefined) return undetermined('endorsement-key', keyNames(report, named))
  checks.pass('endorsement-key', { found: key.kind.toUpperCase() })
  const product = agreedProduct(report, named, key)
  if (isRefusal(product)) return refused('product', product)
  checks.pass('product', { found: product.name })
  return verifyCase({ report, key, product: product.name, brought }, request)
}

/** Product of processor and certificate, and nothing in the versions that it does not know. */
function agreedProduct(
  report: Report,
  named: Product | undefined,
  key: EndorsementKey,
): { readonly name: Product } | Refusal {
  const { product, productName } = key
  if (product === undefined || product !== (named ?? product)) {
    const facts = { report: named ?? '', certificate: productName }
    return { code: 'PRODUCT_MISMATCH', facts }
  }
  if (Object.values(report.tcb).every(bytes => isWholeTcb(product, bytes))) return { name: product }
  return { code: 'EVIDENCE_MALFORMED', facts: { reason: 'reserved bytes of a TCB version' } }
}

function verifyCase(found: Case, request: VerificationRequest): Verification {
  const { report, key, product, brought } = found
  const { anchors, now, checks } = request
  const stray = brokenTable(brought, anchors)
  if (stray !== undefined) return refused('chain', stray)
  const vouched = verifyEndorsementKey(key, brought, { product, anchors, now })
  if (vouched === undefined) {
    return undetermined('chain', [`certificates ${key.kind} ${product}: absent`])
  }
  if (isRefusal(vouched)) return refused('chain', vouched)
  checks.pass('chain', { found: `${vouched.authority.commonName}, ARK-${product}` })
  const revocation = judgeRevocation(found, vouched, request)
  if (revocation.kind === 'undecided') return revocation.verification
  const component = differingComponent(key, product, report)
  if (component !== undefined) {
    const [reported, certified] = [tcbOf(product, report.tcb.reported), key.tcb]
    const facts = {
      component,
      ...{ reported: reported[component] ?? 0, certified: certified[component] ?? -1 },
    }
    return refused('certificate-tcb', { code: 'CERTIFICATE_TCB_MISMATCH', facts })
  }
  checks.pass('certificate-tcb')
  if (!isOfChip(key, product, report)) {
    const facts = { reason: 'certificate and report name different chips' }
    return refused('instance', { code: 'INSTANCE_MISMATCH', facts })
  }
  if (key.kind === 'vcek') checks.pass('instance')
  else checks.skip('instance', 'a VLEK is certified for a provider and for no chip')
  const denied = brokenReport(report, vouched, request)
  return denied ?? { kind: 'claims', claims: claimsOf(found, vouched, revocation.list) }
}

type RevocationAnswer =
  | { readonly kind: 'decided'; readonly list: RevocationList | undefined }
  | { readonly kind: 'undecided'; readonly verification: Verification }

function judgeRevocation(
  { key, product, brought }: Case,
  vouched: Vouched,
  { now, revocation = 'required', checks }: VerificationRequest,
): RevocationAnswer {
  if (now === null) {
    checks.skip('revocation', 'asked at no time')
    return { kind: 'decided', list: undefined }
  }
  const answer = revocationOf(vouched, brought.lists, now)
  if (answer.kind === 'revoked') {
    return { kind: 'undecided', verification: refused('revocation', answer.refusal) }
  }
  if (answer.kind === 'clear') {
    const { commonName, serial } = vouched.authority
    const why = `${commonName} (${serial}) is not revoked; keys of chips and providers are in no list`
    checks.pass('revocation', { why })
    return { kind: 'decided', list: answer.list }
  }
  const { why, reasons } = answer
  if (revocation === 'required' || answer.isBroken) {
    const missing = [`crl ${key.kind} ${product}: ${reasons.join(' ') || 'absent'}`]
    return {
      kind: 'undecided',
      verification: { kind: 'undetermined', check: 'revocation', missing, why },
    }
  }
  checks.skip('revocation', why)
  return { kind: 'decided', list: undefined }
}

/** What is wrong with a report whose key is good. */
function brokenReport(
  report: Report,
  { leafKey }: Vouched,
  { checks }: VerificationRequest,
): Verification | undefined {
  const signature = signatureOf(report)
  const isSigned =
    signature !== undefined &&
    leafKey.curve === 'P-384' &&
    verifyEcdsa({
      ...{ curve: 'P-384', publicKey: leafKey.point, message: signedPart(report) },
      ...{ signature, format: 'raw' },
    })
  if (!isSigned) {
    const facts = { reason: 'the certified key did not sign this report' }
    return refused('report-signature', { code: 'SIGNATURE_INVALID', facts })
  }
  checks.pass('report-signature')
  if (report.policy.migration) {
    const facts = { reason: 'a migration agent may move the guest and its memory' }
    return refused('migration', { code: 'MIGRATION_ALLOWED', facts })
  }
  checks.pass('migration')
  return undefined
}

function claimsOf(
  { report, key, product }: Case,
  vouched: Vouched,
  list: RevocationList | undefined,
): Claims {
  const { reported, committed, launch } = report.tcb
  const { measurement, hostData, idKeyDigest, authorKeyDigest } = report
  const hasChip = report.chipId.some(byte => byte !== 0)
  return {
    // Without an id of its chip, a guest under a VLEK is known by its provider alone: all those guests count as one machine.
    instance: hasChip ? report.chipId : utf8(key.providerId ?? ''),
    debug: report.policy.debug,
    registers: { measurement, hostData, idKeyDigest, authorKeyDigest },
    svn: report.guestSvn,
    tcb: {
      status: 'UpToDate',
      levels: [reported, committed, launch].map(bytes => tcbOf(product, bytes)),
    },
    privilegeLevel: report.vmpl,
    reportData: report.reportData,
    expiresAt: timestamp(Math.min(vouched.expiresAt, list?.nextUpdate ?? vouched.expiresAt)),
    issuedAt: timestamp(Math.max(vouched.issuedAt, list?.thisUpdate ?? vouched.issuedAt)),
  }
}

const refused = (check: string, refusal: Refusal): Verification => ({
  ...{ kind: 'refused', check, refusal },
})

const undetermined = (check: string, missing: readonly string[]): Verification => ({
  ...{ kind: 'undetermined', check, missing },
})
