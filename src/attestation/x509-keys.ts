/** Keys and signatures inside X.509: of all that exists, what the known platforms use, each in its one spelling. */
import { toHex } from '../base/bytes.ts'
import { verifyEcdsa } from '../crypto/ecdsa.ts'
import { verifyRsaPss } from '../crypto/rsa.ts'
import { rsaModulusOf } from '../crypto/rsa-key.ts'
import { bad, type DerValue } from './x509-der.ts'

/** AMD's authorities sign with RSA, with a salt of 48 bytes; everybody else on curves. */
export type SignatureAlgorithm = 'ECDSA-SHA-256' | 'ECDSA-SHA-384' | 'RSASSA-PSS-SHA-384'

export interface EcKey {
  readonly curve: 'P-256' | 'P-384'
  /** Uncompressed point. */
  readonly point: Uint8Array
}

/** What somebody signed inside a certificate or a list. */
export interface Signed {
  readonly algorithm: SignatureAlgorithm
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** A value around others, as hexadecimal DER shorter than 128 bytes. */
const der = (tag: string, ...parts: readonly string[]): string => {
  const content = parts.join('')
  return tag + (content.length / 2).toString(16).padStart(2, '0') + content
}
const sequence = (...parts: readonly string[]): string => der('30', ...parts)
const oid = (content: string): string => der('06', content)

const sha384 = sequence(oid('608648016503040202'), '0500')
/** What RSASSA-PSS is told (RFC 4055 §3.1): the hash, the mask, MGF1 with the same hash, and the salt of 48 bytes. */
const pssParameters = [
  der('a0', sha384),
  der('a1', sequence(oid('2a864886f70d010108'), sha384)),
  der('a2', '020130'),
]
/** The default, which should not be spelled out, and is in AMD's older certificates. */
const pssTrailer = der('a3', '020101')
const pss = (...parameters: readonly string[]): string =>
  sequence(oid('2a864886f70d01010a'), sequence(...parameters))

/** AlgorithmIdentifiers as DER. ECDSA has no parameters (RFC 5758 §3.2). */
const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  [sequence(oid('2a8648ce3d040302')), 'ECDSA-SHA-256'],
  [sequence(oid('2a8648ce3d040303')), 'ECDSA-SHA-384'],
  [pss(...pssParameters), 'RSASSA-PSS-SHA-384'],
  [pss(...pssParameters, pssTrailer), 'RSASSA-PSS-SHA-384'],
])

/** SubjectPublicKeyInfo of an uncompressed point (RFC 5480 §2, X.690 §10) up to the point: it has one spelling. */
const ecKeys = [
  { curve: 'P-256', header: '3059301306072a8648ce3d020106082a8648ce3d030107034200', bytes: 91 },
  { curve: 'P-384', header: '3076301006072a8648ce3d020106052b81040022036200', bytes: 120 },
] as const

/** @throws {PeerFault} `BAD_CERTIFICATE` for an algorithm or a spelling of one that is not above. */
export function parseAlgorithm({ bytes }: DerValue): SignatureAlgorithm {
  const algorithm = algorithms.get(toHex(bytes))
  if (algorithm === undefined) throw bad('ECDSA or RSASSA-PSS with SHA-256 or SHA-384')
  return algorithm
}

/** The key of a SubjectPublicKeyInfo (RFC 5480). @throws {PeerFault} `BAD_CERTIFICATE` for other than P-256 and P-384. */
export function parseEcKey(spki: Uint8Array): EcKey {
  for (const { curve, header, bytes } of ecKeys) {
    const start = header.length / 2
    if (spki.length !== bytes || toHex(spki.subarray(0, start)) !== header) continue
    return { curve, point: spki.subarray(start) }
  }
  throw bad('an uncompressed point of P-256 or P-384')
}

/**
 * Whether `spki`, a SubjectPublicKeyInfo, signed this. A key of another kind than the algorithm did not.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for a key that is neither a curve's nor RSA of 4096 bits.
 */
export function isSignedBy(spki: Uint8Array, { algorithm, message, signature }: Signed): boolean {
  const modulus = rsaModulusOf(spki)
  if (modulus !== undefined) {
    return algorithm === 'RSASSA-PSS-SHA-384' && verifyRsaPss({ modulus, message, signature })
  }
  const { curve, point } = parseEcKey(spki)
  if (algorithm === 'RSASSA-PSS-SHA-384') return false
  const hash = algorithm === 'ECDSA-SHA-256' ? 'SHA-256' : 'SHA-384'
  return verifyEcdsa({ curve, hash, publicKey: point, message, signature, format: 'der' })
}
