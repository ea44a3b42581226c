/** X-Wing of noble. */
import { ml_kem768_x25519 as xWing } from '@noble/post-quantum/hybrid.js'
import { Secret } from '../base/secret.ts'

export interface Decapsulator {
  readonly publicKey: Uint8Array
  /** The shared secret of a ciphertext of 1120 bytes; `undefined` if its X25519 part is of small order. */
  decapsulate(ciphertext: Uint8Array): Uint8Array | undefined
  /** Forgets the private key as far as this platform can. Idempotent. */
  wipe(): void
}

export interface Encapsulated {
  readonly ciphertext: Uint8Array
  readonly shared: Uint8Array
}

/** Copies the 32-byte seed, which stays the caller's. */
export function decapsulatorOf(seed: Uint8Array): Decapsulator {
  const pair = xWing.keygen(seed)
  const secretKey = new Secret(pair.secretKey)
  return {
    publicKey: pair.publicKey,
    decapsulate: ciphertext => {
      try {
        return secretKey.use(bytes => xWing.decapsulate(ciphertext, bytes))
      } catch {
        // noble throws for an X25519 part of small order and, with the right length, for nothing else.
        return undefined
      }
    },
    wipe: () => secretKey[Symbol.dispose](),
  }
}

/** `publicKey` has 1216 and `entropy` 64 bytes. */
export function encapsulateWith(
  publicKey: Uint8Array,
  entropy: Uint8Array,
): Encapsulated | undefined {
  try {
    const { cipherText, sharedSecret } = xWing.encapsulate(publicKey, entropy)
    return { ciphertext: cipherText, shared: sharedSecret }
  } catch {
    // noble throws for an ML-KEM part that is not reduced (FIPS 203 §7.2) and an X25519 part of small order.
    return undefined
  }
}
