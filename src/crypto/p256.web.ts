/** P-256 of noble. */
import { p256 } from '@noble/curves/nist.js'
import { Secret } from '../base/secret.ts'

export interface Pointed {
  /** Uncompressed, 65 bytes. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** The x coordinate of the shared point, or `undefined` if `point` is not on the curve. */
  agree(point: Uint8Array): Uint8Array | undefined
  /** Forgets the private key as far as this platform can. Idempotent. */
  wipe(): void
}

/** Copies the 32 bytes of a scalar of the curve, which stay the caller's. */
export function pointedOf(scalar: Uint8Array): Pointed {
  const secret = new Secret(scalar.slice())
  return {
    publicKey: p256.getPublicKey(scalar, false),
    // A large s is as valid as a small one (FIPS 186-5 §6.4.2); nothing here is named by a signature.
    sign: message => secret.use(bytes => p256.sign(message, bytes, { lowS: false })),
    agree: point => {
      try {
        return secret.use(bytes => p256.getSharedSecret(bytes, point, false).slice(1, 33))
      } catch {
        // noble throws for a point that is not on the curve.
        return undefined
      }
    },
    wipe: () => secret[Symbol.dispose](),
  }
}
