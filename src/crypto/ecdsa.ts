import { verifyPoint } from '#crypto/ecdsa'
import type { EcdsaCurve, EcdsaFormat, EcdsaHash } from './ecdsa-algorithms.ts'

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
  readonly format: EcdsaFormat
}

/** Whether an ECDSA signature holds. Never throws: a malformed key or signature is `false`. */
export function verifyEcdsa(signed: EcdsaSigned): boolean {
  const { curve, publicKey, message } = signed
  const length = coordinateBytes[curve]
  if (publicKey.length !== 1 + 2 * length || publicKey[0] !== 0x04) return false
  const { format, signature } = signed
  const isWellFormed =
    format === 'raw' ? signature.length === 2 * length : isStrictDer(signature, length)
  if (!isWellFormed) return false
  const hash = signed.hash ?? (curve === 'P-256' ? 'SHA-256' : 'SHA-384')
  return verifyPoint({ curve, hash, publicKey, message, signature, format })
}

/**
 * Whether a signature is strict DER (X.690 §8.3, §10.1: shortest lengths and integers) of two numbers that are not negative
 * and have at most `length` bytes.
 *
 * Asked here and not of the platforms' libraries, because those disagree about what is nearly DER.
 */
function isStrictDer(der: Uint8Array, length: number): boolean {
  // Both integers have at most 49 bytes of content, so every length is in the short form.
  if (der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 0x7f + 2) return false
  const second = endOfNumber(der, 2, length)
  return second !== undefined && endOfNumber(der, second, length) === der.length
}

/** Where the number that begins at `start` ends, or `undefined` if it is none. */
function endOfNumber(der: Uint8Array, start: number, length: number): number | undefined {
  const [tag, size = 0, first = 0, next = 0] = [
    der[start],
    der[start + 1],
    der[start + 2],
    der[start + 3],
  ]
  const end = start + 2 + size
  if (tag !== 0x02 || size === 0 || end > der.length || first >= 0x80) return undefined
  const isPadded = first === 0 && size > 1
  if (isPadded && next < 0x80) return undefined
  return size - (isPadded ? 1 : 0) > length ? undefined : end
}
