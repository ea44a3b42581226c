import { gcm } from '@noble/ciphers/aes.js'
import type { Secret } from '../base/secret.ts'

/** Length of the AES-256-GCM tag that `seal` appends, in bytes. */
export const tagBytes = 16

/** What both directions need: a 32-byte key, a 12-byte nonce never used twice under it, bound data. */
export interface AeadContext {
  readonly key: Secret
  readonly nonce: Uint8Array
  readonly aad: Uint8Array
}

/** AES-256-GCM (NIST SP 800-38D): ciphertext and 16-byte tag, freshly allocated. */
export function seal(context: AeadContext, plaintext: Uint8Array): Uint8Array {
  return context.key.use(key => gcm(key, context.nonce, context.aad).encrypt(plaintext))
}

/** The plaintext, or `undefined` if anything at all was changed. */
export function open(context: AeadContext, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < tagBytes) return undefined
  return context.key.use(key => {
    try {
      return gcm(key, context.nonce, context.aad).decrypt(sealed)
    } catch {
      // noble throws for a wrong tag; the arguments were checked by their types.
      return undefined
    }
  })
}
