/** ECDSA verification of noble. */
import { p256, p384 } from '@noble/curves/nist.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import type { EcdsaCurve, EcdsaHash } from './ecdsa-algorithms.ts'

const curves = { 'P-256': p256, 'P-384': p384 } as const
const hashes = { 'SHA-256': sha256, 'SHA-384': sha384, 'SHA-512': sha512 } as const

/** `publicKey` is an uncompressed point and `signature` r and s in the curve's length. */
export function verifyPoint(options: {
  readonly curve: EcdsaCurve
  readonly hash: EcdsaHash
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}): boolean {
  const digest = hashes[options.hash](options.message)
  try {
    // A large s is as valid as a small one (FIPS 186-5 §6.4.2); nothing here is named by a signature.
    const rules = { prehash: false, lowS: false, format: 'compact' } as const
    return curves[options.curve].verify(options.signature, digest, options.publicKey, rules)
  } catch {
    // noble throws for a point that is not on the curve.
    return false
  }
}
