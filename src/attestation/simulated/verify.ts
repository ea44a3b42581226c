/**
 * Verifies evidence of the simulated TEE. The path is that of the real platforms: strict parsing, a chain
 * to a pinned root, dates, the chip named alike in certificate and report, the signature.
 */
import { equalBytes } from '../../base/bytes.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { framed } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import type { Claims, Verification, VerificationRequest } from '../claims.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import { type Certificate, parseCertificate, type ValidChain, verifyChain } from '../x509.ts'
import {
  documentCodec,
  reportCodec,
  type SimulatedDocument,
  type SimulatedReport,
  simulatedBytesMax,
} from './document.ts'

/**
 * The certificate extension that names the chip: 2.25.33415266658262465908331460588288463194, an arc
 * made from a UUID (ITU-T X.667 §7), as DER content. Its value is the chip id, 64 bytes.
 */
export const instanceOid = '69b2a3c5f68295e2bc85809bb8d68cdaa7a25a'

/** Claims of simulated evidence, or why not. @throws {PeerFault} for bytes that are not a canonical document. */
export function verifySimulated(request: VerificationRequest): Verification {
  if (request.body.length > simulatedBytesMax) {
    const facts = { bytes: request.body.length, bytesMax: simulatedBytesMax }
    return refused({ code: 'EVIDENCE_TOO_LARGE', facts })
  }
  const document = documentCodec.decode(request.body)
  const report = reportCodec.decode(document.report)
  if (document.extensions !== undefined || report.extensions !== undefined) {
    return malformed('unknown fields')
  }
  if (report.registers.rtmrs.length !== 4) return malformed('not four run-time registers')
  const chain = document.chain.map(parseCertificate)
  if (!namesChip(chain[0], report)) {
    const facts = { reason: 'certificate and report name different chips' }
    return refused({ code: 'INSTANCE_MISMATCH', facts })
  }
  const { anchors, now } = request
  const valid = verifyChain({ chain, anchors, now })
  if (isRefusal(valid)) return refused(valid)
  if (!isSigned(document, valid)) {
    const facts = { reason: 'the leaf key did not sign this report' }
    return refused({ code: 'SIGNATURE_INVALID', facts })
  }
  return { kind: 'claims', claims: claimsOf(report, valid) }
}

/** The bytes that simulated hardware signs for an encoded report. */
export function signedBytes(report: Uint8Array): Uint8Array {
  return framed(domains.simulatedEvidence, report)
}

function namesChip(leaf: Certificate | undefined, report: SimulatedReport): boolean {
  const extension = leaf?.extensions.get(instanceOid)
  return extension !== undefined && equalBytes(extension.value, report.instance)
}

function isSigned(document: SimulatedDocument, { leafKey }: ValidChain): boolean {
  if (leafKey.curve !== 'P-256') return false
  return verifyEcdsa({
    curve: 'P-256',
    hash: 'SHA-256',
    publicKey: leafKey.point,
    message: signedBytes(document.report),
    signature: document.signature,
    format: 'raw',
  })
}

function claimsOf(report: SimulatedReport, valid: ValidChain): Claims {
  const { measurement, rtmrs, hostData, signer, productId, svn } = report.registers
  const named = Object.fromEntries(rtmrs.map((value, i) => [`rtmr${i}`, value]))
  return {
    instance: report.instance,
    debug: report.debug,
    registers: {
      measurement,
      ...named,
      hostData,
      signer,
      productId: Uint8Array.of(productId >> 8, productId & 0xff),
    },
    svn,
    tcb: { status: 'UpToDate', levels: [{ ...report.tcb }, { ...report.committedTcb }] },
    reportData: report.reportData,
    expiresAt: valid.expiresAt,
    issuedAt: valid.issuedAt,
  }
}

const refused = (refusal: Refusal): Verification => ({ kind: 'refused', refusal })

const malformed = (reason: string): Verification =>
  refused({ code: 'EVIDENCE_MALFORMED', facts: { reason } })
