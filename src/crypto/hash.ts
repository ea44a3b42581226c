import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256, sha512 as nobleSha512 } from '@noble/hashes/sha2.js'
import { utf8 } from '../base/bytes.ts'

/** SHA-256 (FIPS 180-4): 32 fresh bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return nobleSha256(data)
}

/** SHA-512 (FIPS 180-4): 64 fresh bytes. */
export function sha512(data: Uint8Array): Uint8Array {
  return nobleSha512(data)
}

/** HMAC-SHA-256 (RFC 2104): 32 fresh bytes. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, data)
}

/**
 * `domain` and `parts`, each behind its length as four big-endian bytes, joined: no two different rows of
 * parts give the same bytes. This is what is hashed and signed everywhere.
 */
export function framed(domain: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const all = [utf8(domain), ...parts]
  const joined = new Uint8Array(all.reduce((length, part) => length + 4 + part.length, 0))
  const view = new DataView(joined.buffer)
  let offset = 0
  for (const part of all) {
    view.setUint32(offset, part.length)
    joined.set(part, offset + 4)
    offset += 4 + part.length
  }
  return joined
}
