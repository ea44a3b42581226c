import { ed25519 } from '@noble/curves/ed25519.js'
import type { Secret } from '../base/secret.ts'

/** An Ed25519 key pair (RFC 8032) that signs; made from a 32-byte seed that it then owns. */
export class SigningKey {
  readonly publicKey: Uint8Array
  readonly #seed: Secret

  constructor(seed: Secret) {
    this.#seed = seed
    this.publicKey = seed.use(bytes => ed25519.getPublicKey(bytes))
  }

  /** 64 bytes over the whole of `message`. */
  sign(message: Uint8Array): Uint8Array {
    return this.#seed.use(seed => ed25519.sign(message, seed))
  }

  [Symbol.dispose](): void {
    this.#seed[Symbol.dispose]()
  }
}

/** What is signed, by whom. */
export interface Signed {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Whether an Ed25519 signature holds. Never throws: a malformed key or signature is `false`. */
export function verifySignature({ publicKey, message, signature }: Signed): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  try {
    return ed25519.verify(signature, message, publicKey)
  } catch {
    // noble throws for points that are not on the curve.
    return false
  }
}
