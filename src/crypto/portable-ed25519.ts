/** Ed25519 of noble, held to the verification equation of OpenSSL and of WebCrypto. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes } from '../base/bytes.ts'
import type { KeySigned } from './arithmetic.ts'

/**
 * RFC 8032 §5.1.7 without the cofactor.
 *
 * Differs from noble's own `verify`, which multiplies by the cofactor: a signer who adds a point of small
 * order could make signatures that one platform accepts and the other refuses, and two members must never
 * judge one message differently.
 */
export function verifyEd25519({ publicKey, message, signature }: KeySigned): boolean {
  const { Point } = ed25519
  const scalars = Point.Fn
  try {
    const key = Point.fromBytes(publicKey)
    const commitment = signature.subarray(0, 32)
    const response = littleEndian(signature.subarray(32))
    if (response >= scalars.ORDER) return false
    const hash = littleEndian(sha512(concatBytes(commitment, publicKey, message)))
    const challenge = scalars.create(hash)
    const expected = Point.BASE.multiplyUnsafe(response).subtract(key.multiplyUnsafe(challenge))
    return equalBytes(expected.toBytes(), commitment)
  } catch {
    // noble throws for a key that is not on the curve.
    return false
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes.toReversed()) value = (value << 8n) | BigInt(byte)
  return value
}
