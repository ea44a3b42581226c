/** AES-256-GCM of noble, for where OpenSSL is not: synchronous, unlike WebCrypto. */
import { gcm } from '@noble/ciphers/aes.js'
import { concatBytes } from '../base/bytes.ts'
import { Secret } from '../base/secret.ts'

/** A key ready for use; the bytes given to `importKey` are copied and stay the caller's. */
export type ImportedKey = Secret

export function importKey(key: Uint8Array): ImportedKey {
  return new Secret(key.slice())
}

/** Wipes the copy. */
export function releaseKey(key: ImportedKey): void {
  key[Symbol.dispose]()
}

/** `prefix`, ciphertext and tag in one fresh array. */
export function sealWith(
  key: ImportedKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  prefix: Uint8Array,
): Uint8Array {
  const sealed = key.use(bytes => gcm(bytes, nonce, aad).encrypt(plaintext))
  return prefix.length === 0 ? sealed : concatBytes(prefix, sealed)
}

/** The plaintext of ciphertext and tag, or `undefined` if the tag does not hold. `sealed` has at least 16 bytes. */
export function openWith(
  key: ImportedKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  return key.use(bytes => {
    try {
      return gcm(bytes, nonce, aad).decrypt(sealed)
    } catch {
      // noble throws for a wrong tag; the lengths were checked before.
      return undefined
    }
  })
}
