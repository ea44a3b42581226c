import { verifyPoint } from '#crypto/ecdsa'
import type { EcdsaCurve, EcdsaHash } from './ecdsa-algorithms.ts'

/** Length of a coordinate and of r and s. */
const coordinateBytes = { 'P-256': 32, 'P-384': 48 } as const satisfies Record<EcdsaCurve, number>

/** What is signed with ECDSA (FIPS 186-5 §6), by whom. */
export interface EcdsaSigned {
  readonly curve: EcdsaCurve
  /** SHA-256 on P-256 and SHA-384 on P-384 unless said. */
  readonly hash?: EcdsaHash
  /** Uncompressed point: 0x04, x, y. */
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  /** `raw`: r and s, each big-endian in the curve's length; `der`: as in certificates (RFC 5480 §2.2.3). */
  readonly format: 'raw' | 'der'
}

/** Whether an ECDSA signature holds. Never throws: a malformed key or signature is `false`. */
export function verifyEcdsa(signed: EcdsaSigned): boolean {
  const { curve, publicKey, message } = signed
  const length = coordinateBytes[curve]
  if (publicKey.length !== 1 + 2 * length || publicKey[0] !== 0x04) return false
  const signature = signed.format === 'der' ? rawOfDer(signed.signature, curve) : signed.signature
  if (signature?.length !== 2 * length) return false
  const hash = signed.hash ?? (curve === 'P-256' ? 'SHA-256' : 'SHA-384')
  return verifyPoint({ curve, hash, publicKey, message, signature })
}

/**
 * r and s of a DER signature, or `undefined` if it is not strict DER (X.690 §8.3, §10.1: shortest lengths
 * and integers) of two numbers that are not negative and fit the curve.
 *
 * Read here and not by the platforms' libraries, because those disagree about what is nearly DER.
 */
function rawOfDer(der: Uint8Array, curve: EcdsaCurve): Uint8Array | undefined {
  const length = coordinateBytes[curve]
  // Both integers have at most 49 bytes of content, so every length is in the short form.
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 0x7f + 2) return undefined
  const signature = new Uint8Array(2 * length)
  let offset = 2
  for (const slot of [0, length]) {
    const size = der[offset + 1] ?? 0
    const number = der.subarray(offset + 2, offset + 2 + size)
    if (der[offset] !== 0x02 || size === 0 || number.length !== size) return undefined
    if ((number[0] ?? 0) >= 0x80) return undefined
    const isPadded = number[0] === 0 && size > 1
    if (isPadded && (number[1] ?? 0) < 0x80) return undefined
    const magnitude = isPadded ? number.subarray(1) : number
    if (magnitude.length > length) return undefined
    signature.set(magnitude, slot + length - magnitude.length)
    offset += 2 + size
  }
  return offset === der.length ? signature : undefined
}
