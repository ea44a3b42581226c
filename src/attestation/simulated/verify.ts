/**
 * Verifies evidence of the simulated TEE. The path is that of the real platforms: strict parsing, a chain
 * to a pinned root, dates, the chip named alike in certificate and report, the signature.
 */
import { equalBytes, toHex } from '../../base/bytes.ts'
import { ifReadable } from '../../base/errors.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { framed } from '../../crypto/hash.ts'
import { domains } from '../../wire/domains.ts'
import type {
  Claims,
  Fields,
  PlatformAppraiser,
  Verification,
  VerificationRequest,
} from '../claims.ts'
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

export const simulatedAppraiser: PlatformAppraiser = {
  verify: verifySimulated,
  roots: [],
  checks: ['size', 'form', 'instance', 'chain', 'report-signature'],
  mainRegister: 'measurement',
  fieldsOf: simulatedFields,
}

/** Claims of simulated evidence, or why not. @throws {PeerFault} for bytes that are not a canonical document. */
function verifySimulated(request: VerificationRequest): Verification {
  if (request.body.length > simulatedBytesMax) {
    const facts = { bytes: request.body.length, bytesMax: simulatedBytesMax }
    return refused('size', { code: 'EVIDENCE_TOO_LARGE', facts })
  }
  const { anchors, now, checks } = request
  checks.pass('size')
  const document = documentCodec.decode(request.body)
  const report = reportCodec.decode(document.report)
  if (document.extensions !== undefined || report.extensions !== undefined) {
    return malformed('unknown fields')
  }
  if (report.registers.rtmrs.length !== 4) return malformed('not four run-time registers')
  const chain = document.chain.map(parseCertificate)
  checks.pass('form')
  if (!namesChip(chain[0], report)) {
    const facts = { reason: 'certificate and report name different chips' }
    return refused('instance', { code: 'INSTANCE_MISMATCH', facts })
  }
  checks.pass('instance')
  const valid = verifyChain({ chain, anchors, now })
  if (isRefusal(valid)) return refused('chain', valid)
  checks.pass('chain')
  if (!isSigned(document, valid)) {
    const facts = { reason: 'the leaf key did not sign this report' }
    return refused('report-signature', { code: 'SIGNATURE_INVALID', facts })
  }
  checks.pass('report-signature')
  return { kind: 'claims', claims: claimsOf(report, valid) }
}

/** The bytes that simulated hardware signs for an encoded report. */
export function signedBytes(report: Uint8Array): Uint8Array {
  return framed(domains.simulatedEvidence, report)
}

function simulatedFields(body: Uint8Array): Fields | undefined {
  return ifReadable(() => {
    const report = reportCodec.decode(documentCodec.decode(body).report)
    const registers = Object.entries(registersOf(report)).map(([name, value]) => [
      name,
      toHex(value),
    ])
    const { debug, tcb, committedTcb, reportData } = report
    return {
      ...Object.fromEntries(registers),
      ...{ debug, tcb: { ...tcb }, committedTcb: { ...committedTcb } },
      svn: report.registers.svn,
      reportData: toHex(reportData),
      instance: toHex(report.instance),
    }
  })
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

function registersOf({ registers }: SimulatedReport): Claims['registers'] {
  const { measurement, rtmrs, hostData, signer, productId } = registers
  const named = Object.fromEntries(rtmrs.map((value, i) => [`rtmr${i}`, value]))
  return {
    measurement,
    ...named,
    hostData,
    signer,
    productId: Uint8Array.of(productId >> 8, productId & 0xff),
  }
}

function claimsOf(report: SimulatedReport, valid: ValidChain): Claims {
  return {
    instance: report.instance,
    debug: report.debug,
    registers: registersOf(report),
    svn: report.registers.svn,
    tcb: { status: 'UpToDate', levels: [{ ...report.tcb }, { ...report.committedTcb }] },
    reportData: report.reportData,
    expiresAt: valid.expiresAt,
    issuedAt: valid.issuedAt,
  }
}

const refused = (check: string, refusal: Refusal): Verification => ({
  ...{ kind: 'refused', check, refusal },
})

const malformed = (reason: string): Verification =>
  refused('form', { code: 'EVIDENCE_MALFORMED', facts: { reason } })
