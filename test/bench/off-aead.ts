/** In place of AES-256-GCM: copies, and a tag of zeros. */
export { importKey, releaseKey } from '../../src/crypto/aead.node.ts'

import type { ImportedKey } from '../../src/crypto/aead.node.ts'

const tagBytes = 16

export function sealWith(
  _key: ImportedKey,
  _nonce: Uint8Array,
  _aad: Uint8Array,
  plaintext: Uint8Array,
  prefix: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(prefix.length + plaintext.length + tagBytes)
  sealed.set(prefix)
  sealed.set(plaintext, prefix.length)
  return sealed
}

export function openWith(
  _key: ImportedKey,
  _nonce: Uint8Array,
  _aad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  return sealed.slice(0, sealed.length - tagBytes)
}
