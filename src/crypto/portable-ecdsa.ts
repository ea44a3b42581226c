/** ECDSA verification of noble. */
import { p256, p384 } from '@noble/curves/nist.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import type { PointSigned } from './ecdsa-algorithms.ts'

const curves = { 'P-256': p256, 'P-384': p384 } as const
const hashes = { 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 } as const

/** Whether it holds; a point that is not on the curve signed nothing. */
export function verifyOnCurve(signed: PointSigned): boolean {
  const digest = hashes[signed.hash](signed.message)
  const format = signed.format === 'der' ? 'der' : 'compact'
  try {
    // A large s is as valid as a small one (FIPS 186-5 §6.4.2); nothing here is named by a signature.
    const rules = { prehash: false, lowS: false, format } as const
    return curves[signed.curve].verify(signed.signature, digest, signed.publicKey, rules)
  } catch {
    // noble throws for a point that is not on the curve.
    return false
  }
}
