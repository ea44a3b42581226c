import { ml_kem768_x25519 as xWing } from '@noble/post-quantum/hybrid.js'
import { Secret } from '../base/secret.ts'

/** Sizes of X-Wing (draft-connolly-cfrg-xwing-kem), in bytes. */
export const kemBytes = { publicKey: 1216, ciphertext: 1120, shared: 32, seed: 32 } as const

/** An X-Wing key pair: X25519 and ML-KEM-768 together, so that either alone may fall. */
export class KemKey {
  readonly publicKey: Uint8Array
  readonly #secretKey: Secret

  /** Takes a 32-byte seed and wipes it. */
  constructor(seed: Secret) {
    const pair = seed.use(bytes => xWing.keygen(bytes))
    seed[Symbol.dispose]()
    this.publicKey = pair.publicKey
    this.#secretKey = new Secret(pair.secretKey)
  }

  /** The 32-byte shared secret of a ciphertext, or `undefined` if it has the wrong length. A changed ciphertext gives another secret. */
  decapsulate(ciphertext: Uint8Array): Secret | undefined {
    if (ciphertext.length !== kemBytes.ciphertext) return undefined
    return this.#secretKey.use(secretKey => new Secret(xWing.decapsulate(ciphertext, secretKey)))
  }

  [Symbol.dispose](): void {
    this.#secretKey[Symbol.dispose]()
  }
}

/** A fresh shared secret for the owner of `publicKey`; `entropy` is 64 random bytes. `undefined` for a malformed key. */
export function encapsulate(
  publicKey: Uint8Array,
  entropy: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly shared: Secret } | undefined {
  if (publicKey.length !== kemBytes.publicKey) return undefined
  try {
    const { cipherText, sharedSecret } = xWing.encapsulate(publicKey, entropy)
    return { ciphertext: cipherText, shared: new Secret(sharedSecret) }
  } catch {
    // noble throws for a public key whose ML-KEM part is not reduced (FIPS 203 §7.2).
    return undefined
  }
}
