/** X25519 of noble. */
import { x25519 } from '@noble/curves/ed25519.js'
import { Secret } from '../base/secret.ts'

export interface Agreer {
  readonly publicKey: Uint8Array
  /** The shared secret, or `undefined` if it is all zero. */
  agree(publicKey: Uint8Array): Uint8Array | undefined
  /** Forgets the private key as far as this platform can. Idempotent. */
  wipe(): void
}

/** Copies the 32 bytes, which stay the caller's. */
export function agreerOf(secretKey: Uint8Array): Agreer {
  const secret = new Secret(secretKey.slice())
  return {
    publicKey: x25519.getPublicKey(secretKey),
    agree: publicKey => {
      try {
        return secret.use(bytes => x25519.getSharedSecret(bytes, publicKey))
      } catch {
        // noble throws for a peer of small order, whose shared secret would be zero (RFC 7748 §6.1).
        return undefined
      }
    },
    wipe: () => secret[Symbol.dispose](),
  }
}
