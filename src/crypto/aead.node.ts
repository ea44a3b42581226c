/** AES-256-GCM of OpenSSL. A `KeyObject` made once spares the 12 us that a raw key costs at every call. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

/** A key ready for use; the bytes given to `importKey` are copied and stay the caller's. */
export type ImportedKey = KeyObject

export function importKey(key: Uint8Array): ImportedKey {
  return createSecretKey(key)
}

/** Nothing to do: OpenSSL cleanses the bytes when the last handle on the key is collected. */
export function releaseKey(_key: ImportedKey): void {}

/** `prefix`, ciphertext and tag in one fresh array. */
export function sealWith(
  key: ImportedKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  prefix: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(aad)
  const ciphertext = cipher.update(plaintext)
  // GCM is a stream mode: `final` gives no bytes, only the tag.
  cipher.final()
  const sealed = new Uint8Array(prefix.length + ciphertext.length + 16)
  sealed.set(prefix)
  sealed.set(ciphertext, prefix.length)
  sealed.set(cipher.getAuthTag(), prefix.length + ciphertext.length)
  return sealed
}

/** The plaintext of ciphertext and tag, or `undefined` if the tag does not hold. `sealed` has at least 16 bytes. */
export function openWith(
  key: ImportedKey,
  nonce: Uint8Array,
  aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(sealed.length - 16))
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - 16))
  try {
    decipher.final()
  } catch {
    // OpenSSL says nothing but that the tag does not hold; what `update` gave is not believed.
    plaintext.fill(0)
    return undefined
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}
