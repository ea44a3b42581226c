import { importKey, openWith, releaseKey, sealWith } from '#crypto/aead'
import { assert } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'

/** Length of the AES-256-GCM tag that `seal` appends, in bytes. */
export const tagBytes = 16
/** Length of a nonce (NIST SP 800-38D §5.2.1.1: 96 bits are recommended, others are hashed). */
export const nonceBytes = 12

/** What both directions need: a 32-byte key, a 12-byte nonce never used twice under it, bound data. */
export interface AeadContext {
  readonly key: Secret
  readonly nonce: Uint8Array
  readonly aad: Uint8Array
}

const nothing = new Uint8Array(0)

/** AES-256-GCM (NIST SP 800-38D): ciphertext and 16-byte tag, freshly allocated. */
export function seal(context: AeadContext, plaintext: Uint8Array): Uint8Array {
  using key = new AeadKey(context.key)
  return key.seal({ nonce: context.nonce, aad: context.aad }, plaintext)
}

/** The plaintext, or `undefined` if anything at all was changed. */
export function open(context: AeadContext, sealed: Uint8Array): Uint8Array | undefined {
  using key = new AeadKey(context.key)
  return key.open({ nonce: context.nonce, aad: context.aad }, sealed)
}

/** What varies from seal to seal under one `AeadKey`. */
export interface SealContext {
  /** 12 bytes, never used twice under one key. */
  readonly nonce: Uint8Array
  readonly aad: Uint8Array
  /** Bytes to put before the ciphertext in the same array; not sealed and not bound unless in `aad`. */
  readonly prefix?: Uint8Array
}

/**
 * An AES-256-GCM key made ready once for many messages.
 *
 * With OpenSSL the key lives outside the JavaScript heap and is cleansed when collected; `dispose` drops
 * it, which makes it unusable at once and collectable soon.
 */
export class AeadKey {
  #key: ReturnType<typeof importKey> | undefined

  /** Copies the 32 bytes of `secret`, which stays the caller's. */
  constructor(secret: Secret) {
    this.#key = secret.use(bytes => {
      assert(bytes.length === 32, 'an AES-256 key has 32 bytes')
      return importKey(bytes)
    })
  }

  /** `prefix`, ciphertext and tag, freshly allocated. */
  seal({ nonce, aad, prefix = nothing }: SealContext, plaintext: Uint8Array): Uint8Array {
    return sealWith(this.#live(nonce), nonce, aad, plaintext, prefix)
  }

  /** The plaintext, freshly allocated, or `undefined` if anything at all was changed. */
  open({ nonce, aad }: SealContext, sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < tagBytes) return undefined
    return openWith(this.#live(nonce), nonce, aad, sealed)
  }

  [Symbol.dispose](): void {
    if (this.#key !== undefined) releaseKey(this.#key)
    this.#key = undefined
  }

  #live(nonce: Uint8Array): ReturnType<typeof importKey> {
    assert(nonce.length === nonceBytes, 'a nonce has 12 bytes')
    assert(this.#key !== undefined, 'a disposed key is never used')
    return this.#key
  }
}
