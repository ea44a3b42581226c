/**
 * Verifies attestation documents of AWS Nitro Enclaves. The security module of the parent instance signs one with a key whose
 * certificate lives for three hours; five certificates lead from it to the root of AWS. AWS publishes no lists of revoked
 * certificates for use here and no versions of firmware, so nothing but the document is needed.
 */
import { concatBytes, equalBytes, toHex, utf8 } from '../../base/bytes.ts'
import { assert, ifReadable } from '../../base/errors.ts'
import { after, minutes, type Timestamp, timestamp } from '../../base/time.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { sha384 } from '../../crypto/hash.ts'
import type {
  Claims,
  Fields,
  PlatformAppraiser,
  Verification,
  VerificationRequest,
} from '../claims.ts'
import { factsOf } from '../platforms.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import { type Certificate, parseCertificate, type ValidChain, verifyChain } from '../x509.ts'
import {
  type CoseSign1,
  isEs384,
  type NitroDocument,
  nitroBytesMax,
  readDocument,
  readEnvelope,
} from './document.ts'
import { nitroRoots } from './root.ts'

export const nitroAppraiser: PlatformAppraiser = {
  verify: verifyNitro,
  roots: nitroRoots,
  checks: [
    ...['size', 'form', 'algorithm', 'fields', 'instance', 'certificates'],
    ...['root', 'chain', 'timestamp', 'document-signature'],
  ],
  mainRegister: 'pcr0',
  fieldsOf: nitroFields,
}

/** Claims of a document, or why not. @throws {PeerFault} `CBOR_…`, `BAD_CERTIFICATE` for bytes that are neither. */
function verifyNitro({ body, anchors, now, checks }: VerificationRequest): Verification {
  if (body.length > nitroBytesMax) {
    const facts = { bytes: body.length, bytesMax: nitroBytesMax }
    return refused('size', { code: 'EVIDENCE_TOO_LARGE', facts })
  }
  checks.pass('size')
  const envelope = readEnvelope(body)
  if (isRefusal(envelope)) return refused('form', envelope)
  checks.pass('form')
  if (!isEs384(envelope)) {
    const facts = { reason: 'the algorithm is not ES384' }
    return refused('algorithm', { code: 'EVIDENCE_MALFORMED', facts })
  }
  checks.pass('algorithm')
  const document = readDocument(envelope.payload)
  if (isRefusal(document)) return refused('fields', document)
  checks.pass('fields')
  const instance = instanceIn(document)
  if (instance === undefined) {
    const facts = { reason: 'module_id and PCR4 do not name one instance' }
    return refused('instance', { code: 'INSTANCE_MISMATCH', facts })
  }
  checks.pass('instance', { found: instance })
  const { root, chain } = certificatesOf(document)
  checks.pass('certificates')
  if (!anchors.some(anchor => equalBytes(anchor, root.publicKey))) {
    const facts = { reason: 'the root of the bundle is not pinned', anchors: anchors.length }
    return refused('root', { code: 'UNKNOWN_ANCHOR', facts })
  }
  checks.pass('root')
  const valid = verifyChain({ chain, anchors: [root.publicKey], now })
  if (isRefusal(valid)) return refused('chain', valid)
  checks.pass('chain')
  const misdated = misdatedIn(document, chain, now)
  if (misdated !== undefined) return refused('timestamp', misdated)
  checks.pass('timestamp', { found: iso(document.timestamp) })
  if (!isSigned(envelope, valid)) {
    const facts = { reason: 'the leaf key did not sign this document' }
    return refused('document-signature', { code: 'SIGNATURE_INVALID', facts })
  }
  checks.pass('document-signature')
  return { kind: 'claims', claims: claimsOf(document, instance, valid) }
}

/**
 * The id of the EC2 instance that runs the enclave, as in `i-0123456789abcdef0`: the first half of the module's id; the other
 * half is new with every start of an enclave, and who counts machines must not count those. PCR4 commits to the
 * same id, SHA-384(48 zero bytes ‖ id) (AWS Nitro Enclaves user guide, "Attestation document"), so what is taken out of a
 * text is what the hypervisor measured.
 */
function instanceIn({ moduleId, pcrs }: NitroDocument): string | undefined {
  const instance = /^(i-[0-9a-f]{8,32})-enc[0-9a-f]{8,32}$/.exec(moduleId)?.[1]
  const pcr4 = pcrs.get(4)
  if (instance === undefined || pcr4 === undefined) return instance
  const measured = sha384(concatBytes(new Uint8Array(48), utf8(instance)))
  return equalBytes(measured, pcr4) ? instance : undefined
}

interface Certificates {
  readonly root: Certificate
  /** Leaf first, without the root. */
  readonly chain: readonly Certificate[]
}

function certificatesOf({ certificate, cabundle }: NitroDocument): Certificates {
  const [root, ...issuers] = cabundle.map(parseCertificate)
  assert(root !== undefined, 'a bundle that was read has a root')
  return { root, chain: [parseCertificate(certificate), ...issuers.reverse()] }
}

/** How far the clock of a security module may be ahead of ours. */
const ahead = minutes(5)

/** Documents date themselves: that was while their certificate held, and is not to come. */
function misdatedIn(
  { timestamp: at }: NitroDocument,
  [leaf]: readonly Certificate[],
  now: Timestamp | null,
): Refusal | undefined {
  if (leaf === undefined || at < leaf.notBefore || at > leaf.notAfter) {
    const facts = { reason: 'dated when its certificate did not hold', timestamp: iso(at) }
    return { code: 'CHAIN_INVALID', facts }
  }
  if (now === null || at <= after(now, ahead)) return undefined
  return { code: 'EVIDENCE_NOT_YET_VALID', facts: { timestamp: iso(at), now: iso(now) } }
}

/** RFC 9052 §4.4: `["Signature1", protected, external, payload]`, where nothing is external. */
function isSigned({ protectedHeader, payload, signature }: CoseSign1, valid: ValidChain): boolean {
  if (valid.leafKey.curve !== 'P-384') return false
  const message = concatBytes(
    Uint8Array.of(0x84, 0x6a),
    utf8('Signature1'),
    byteStringHead(protectedHeader.length),
    protectedHeader,
    byteStringHead(0),
    byteStringHead(payload.length),
    payload,
  )
  const publicKey = valid.leafKey.point
  const algorithm = { curve: 'P-384', hash: 'SHA-384', format: 'raw' } as const
  return verifyEcdsa({ ...algorithm, publicKey, message, signature })
}

/** The head of a byte string below 64 KiB (RFC 8949 §3), the shortest. */
function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 + length)
  if (length < 0x100) return Uint8Array.of(0x58, length)
  return Uint8Array.of(0x59, length >> 8, length & 0xff)
}

function claimsOf(document: NitroDocument, instance: string, valid: ValidChain): Claims {
  return {
    instance: utf8(instance),
    debug: isDebug(document),
    registers: registersOf(document),
    svn: 0,
    tcb: { status: 'UpToDate', levels: [] },
    reportData: document.userData ?? new Uint8Array(),
    expiresAt: valid.expiresAt,
    issuedAt: timestamp(Math.max(valid.issuedAt, document.timestamp)),
  }
}

/**
 * Those of the platform table. PCR5 to 7 and 9 to 15 measure nothing; what an application put into 16 and above is its own
 * business, and whoever asks for the image asks for that application.
 */
function registersOf({ pcrs }: NitroDocument): Claims['registers'] {
  const names = Object.keys(factsOf('nitro').registers)
  const named = [...pcrs].map(([index, value]) => [`pcr${index}`, value] as const)
  return Object.fromEntries(named.filter(([name]) => names.includes(name)))
}

/** An enclave in debug mode measures nothing: its host reads its memory and its console. */
function isDebug({ pcrs }: NitroDocument): boolean {
  return [0, 1, 2].some(index => isZero(pcrs.get(index) ?? new Uint8Array()))
}

const isZero = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)

/** By AWS's names; `pcrs` are those that measured something. */
function nitroFields(body: Uint8Array): Fields | undefined {
  return ifReadable(() => {
    if (body.length > nitroBytesMax) return undefined
    const envelope = readEnvelope(body)
    if (isRefusal(envelope)) return undefined
    const document = readDocument(envelope.payload)
    if (isRefusal(document)) return undefined
    certificatesOf(document)
    return fieldsIn(document, envelope)
  })
}

function fieldsIn(document: NitroDocument, { isTagged }: CoseSign1): Fields {
  const pcrs = [...document.pcrs].sort(([left], [right]) => left - right)
  const measured = pcrs.filter(([, value]) => !isZero(value))
  const zero = pcrs.filter(([, value]) => isZero(value))
  const hex = (bytes: Uint8Array | null | undefined): string | null =>
    bytes === null || bytes === undefined ? null : toHex(bytes)
  return {
    module_id: document.moduleId,
    timestamp_ms: document.timestamp,
    digest: 'SHA384',
    pcrs: Object.fromEntries(measured.map(([index, value]) => [String(index), toHex(value)])),
    zero_pcrs: zero.map(([index]) => index),
    pcr0: hex(document.pcrs.get(0)),
    pcr1: hex(document.pcrs.get(1)),
    pcr2: hex(document.pcrs.get(2)),
    user_data: hex(document.userData),
    nonce: hex(document.nonce),
    public_key: hex(document.publicKey),
    debug: isDebug(document),
    cose_tagged: isTagged,
    cabundle_len: document.cabundle.length,
  }
}

const iso = (at: Timestamp): string => new Date(at).toISOString()

const refused = (check: string, refusal: Refusal): Verification => ({
  ...{ kind: 'refused', check, refusal },
})
