/** Ed25519: signatures by noble, checks by the arithmetic at hand. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { Secret } from '../base/secret.ts'
import { holds } from './arithmetic.ts'

export interface Signer {
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** Forgets the private key as far as this platform can. Idempotent. */
  wipe(): void
}

/** Copies the seed, which stays the caller's. */
export function signerOf(seed: Uint8Array): Signer {
  const secret = new Secret(seed.slice())
  return {
    publicKey: ed25519.getPublicKey(seed),
    sign: message => secret.use(bytes => ed25519.sign(message, bytes)),
    wipe: () => secret[Symbol.dispose](),
  }
}

/** RFC 8032 §5.1.7 without the cofactor. The key is 32 and the signature 64 bytes; the key is not weak. */
export function verifyStrict(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return holds({ kind: 'ed25519', publicKey, message, signature })
}
