/**
 * Verifies quotes of Intel SGX and TDX (DCAP). What the quote alone decides comes first: chain, the quoting enclave's report, its
 * key, the quote. Collateral is looked for only then, so that nobody makes a node fetch something for a quote that no machine made,
 * and what holds for ever is judged on the way to what holds now.
 */
import { concatBytes, equalBytes, toHex } from '../../base/bytes.ts'
import { timestamp } from '../../base/time.ts'
import { isCertain } from '../../crypto/arithmetic.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { sha256 } from '../../crypto/hash.ts'
import type { Checks } from '../checks.ts'
import type { Claims, PlatformAppraiser, Verification, VerificationRequest } from '../claims.ts'
import { isRefusal, type RefusalFacts } from '../verdict.ts'
import { AwaitingQuotes } from './awaiting.ts'
import { type PckChain, verifyPckChain } from './chain.ts'
import { fieldsOfQuote } from './fields.ts'
import { isDebug, parseHeader, parseQuote, type Quote, type QuoteHeader } from './quote.ts'
import { intelRoots } from './root.ts'
import { lastingStanding, type Refused, refused, type Standing, standingAt } from './standing.ts'
import type { Tee } from './tcb-info.ts'
import { brokenTd, isTdDebug } from './td-rules.ts'

const signatureChecks = ['qe-report-signature', 'attestation-key', 'quote-signature']
const quoteChecks = ['size', 'header', 'form', 'chain', ...signatureChecks]
const collateralChecks = ['revocation', 'tcb-signer', 'tcb-info', 'qe-identity', 'platform-level']

export const sgxAppraiser: PlatformAppraiser = {
  verify: request => verifyQuote('sgx', request),
  roots: intelRoots,
  checks: [...quoteChecks, ...collateralChecks, 'qe-level', 'tcb-status'],
  mainRegister: 'mrenclave',
  fieldsOf: body => fieldsOfQuote('sgx', body),
}

export const tdxAppraiser: PlatformAppraiser = {
  verify: request => verifyQuote('tdx', request),
  roots: intelRoots,
  checks: [
    ...quoteChecks,
    ...collateralChecks,
    'tdx-module',
    'qe-level',
    'tcb-status',
    'td-attributes',
  ],
  mainRegister: 'mrtd',
  fieldsOf: body => fieldsOfQuote('tdx', body),
}

const awaiting = new AwaitingQuotes()

/** A quote has some 5 KiB; guests hand it out in buffers of 8 KiB. */
const quoteBytesMax = 16 * 1024

/** @throws {PeerFault} for bytes that are not a quote, or certificates in it that cannot be read. */
function verifyQuote(tee: Tee, request: VerificationRequest): Verification {
  const { body, anchors, now, checks } = request
  if (body.length > quoteBytesMax) {
    return refused('size', 'EVIDENCE_TOO_LARGE', { bytes: body.length, bytesMax: quoteBytesMax })
  }
  checks.pass('size')
  const header = parseHeader(body)
  if (!isSupported(tee, header)) return refused('header', 'QUOTE_NOT_SUPPORTED', factsOf(header))
  checks.pass('header', { found: `version ${header.version}` })
  const quote = parseQuote(body)
  checks.pass('form')
  const chain = verifyPckChain(quote.chain, anchors, now)
  if (isRefusal(chain)) return refused('chain', chain.code, chain.facts)
  checks.pass('chain')
  if (awaiting.take(body)) for (const id of signatureChecks) checks.pass(id)
  else {
    const forged = brokenSignatures(quote, chain, checks)
    if (forged !== undefined) return forged
  }
  const standing =
    now === null
      ? lastingStanding(tee, quote, chain, checks)
      : standingAt(tee, quote, chain, { ...request, now })
  if (standing.kind === 'undetermined' && isCertain()) awaiting.add(body)
  if (standing.kind !== 'standing') return standing
  return brokenBody(quote, checks) ?? { kind: 'claims', claims: claimsOf(quote, chain, standing) }
}

/** What this program can read and judge: ECDSA on P-256 by a quoting enclave of Intel's, for the one kind of TEE. */
function isSupported(tee: Tee, { version, keyType, teeType, vendor }: QuoteHeader): boolean {
  const isOfTee =
    tee === 'sgx'
      ? version === 3 && teeType === 0
      : (version === 4 || version === 5) && teeType === 0x81
  return isOfTee && keyType === 2 && toHex(vendor) === intelVendor
}

const intelVendor = '939a7233f79c4ca9940a0db3957f0607'

const factsOf = ({ version, keyType, teeType, vendor }: QuoteHeader): RefusalFacts => ({
  ...{ version, keyType, teeType },
  vendor: toHex(vendor),
})

/** From the PCK down to the report: it signs the quoting enclave, which names the key that signed the quote. */
function brokenSignatures(quote: Quote, chain: PckChain, checks: Checks): Refused | undefined {
  const { quotingEnclave, attestationKey, authentication } = quote
  const { curve, point } = chain.valid.leafKey
  const isEnclaveSigned =
    curve === 'P-256' && isSigned(point, quotingEnclave.bytes, quote.quotingEnclaveSignature)
  if (!isEnclaveSigned) {
    const facts = { reason: 'the PCK did not sign the report of the quoting enclave' }
    return refused('qe-report-signature', 'SIGNATURE_INVALID', facts)
  }
  checks.pass('qe-report-signature')
  const digest = sha256(concatBytes(attestationKey, authentication))
  if (!equalBytes(quotingEnclave.reportData, concatBytes(digest, new Uint8Array(32)))) {
    const facts = { reason: 'the quoting enclave names another attestation key' }
    return refused('attestation-key', 'ATTESTATION_KEY_MISMATCH', facts)
  }
  checks.pass('attestation-key')
  const key = concatBytes(Uint8Array.of(0x04), attestationKey)
  if (!isSigned(key, quote.signed, quote.signature)) {
    const facts = { reason: 'the attestation key did not sign this report' }
    return refused('quote-signature', 'SIGNATURE_INVALID', facts)
  }
  checks.pass('quote-signature')
  return undefined
}

const isSigned = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  verifyEcdsa({ curve: 'P-256', publicKey, message, signature, format: 'raw' })

function brokenBody({ body }: Quote, checks: Checks): Refused | undefined {
  if (body.kind === 'enclave') return undefined
  const broken = brokenTd(body.report)
  if (broken !== undefined) return refused('td-attributes', broken.code, broken.facts)
  checks.pass('td-attributes', { found: toHex(body.report.attributes) })
  return undefined
}

function claimsOf({ body }: Quote, { pck, valid }: PckChain, standing: Standing): Claims {
  const { status, advisories, date, evaluationNumber } = standing
  return {
    ...bodyClaims(body),
    instance: pck.platformInstance ?? pck.ppid,
    tcb: {
      ...{ status, advisories, levels: [] },
      ...(date !== undefined && { date }),
      ...(evaluationNumber !== undefined && { evaluationNumber }),
    },
    expiresAt: timestamp(Math.min(standing.expiresAt, valid.expiresAt)),
    issuedAt: timestamp(Math.max(standing.issuedAt, valid.issuedAt)),
  }
}

function bodyClaims(
  body: Quote['body'],
): Pick<Claims, 'debug' | 'registers' | 'svn' | 'reportData'> {
  if (body.kind === 'enclave') {
    const { mrEnclave, mrSigner, productId, svn, reportData } = body.report
    // As a number is written, and unlike in the report.
    const product = Uint8Array.of(productId >> 8, productId & 0xff)
    const registers = { mrenclave: mrEnclave, mrsigner: mrSigner, productId: product }
    return { debug: isDebug(body.report), registers, svn, reportData }
  }
  const { mrTd, mrConfigId, mrOwner, mrOwnerConfig, rtmrs, reportData } = body.report
  const registers = {
    mrtd: mrTd,
    ...Object.fromEntries(rtmrs.map((value, i) => [`rtmr${i}`, value])),
    mrconfigid: mrConfigId,
    mrowner: mrOwner,
    mrownerconfig: mrOwnerConfig,
  }
  return { debug: isTdDebug(body.report), registers, svn: 0, reportData }
}
