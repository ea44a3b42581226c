import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import * as platform from '#crypto/hash'
import { utf8 } from '../base/bytes.ts'

/** SHA-256 (FIPS 180-4): 32 fresh bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return platform.sha256(data)
}

/** SHA-384 (FIPS 180-4): 48 fresh bytes. */
export function sha384(data: Uint8Array): Uint8Array {
  return platform.sha384(data)
}

/** SHA-512 (FIPS 180-4): 64 fresh bytes. */
export function sha512(data: Uint8Array): Uint8Array {
  return platform.sha512(data)
}

/**
 * HMAC-SHA-256 (RFC 2104): 32 fresh bytes.
 *
 * noble on every platform: at the sizes it is used for (a trie leaf, a short frame) OpenSSL spends four
 * times as long on making the key ready as noble on the whole.
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return hmac(nobleSha256, key, data)
}

/**
 * `domain` and `parts`, each behind its length as four big-endian bytes, joined: no two different rows of
 * parts give the same bytes. This is what is hashed and signed everywhere.
 */
export function framed(domain: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const tag = tagOf(domain)
  let length = tag.length
  for (const part of parts) length += 4 + part.length
  const joined = new Uint8Array(length)
  joined.set(tag)
  let offset = tag.length
  for (const part of parts) {
    joined[offset] = part.length >>> 24
    joined[offset + 1] = part.length >>> 16
    joined[offset + 2] = part.length >>> 8
    joined[offset + 3] = part.length
    joined.set(part, offset + 4)
    offset += 4 + part.length
  }
  return joined
}

/** Domains are constants of the code, so this stays as small as their table. */
const tags = new Map<string, Uint8Array>()

/** The domain behind its length, made once. */
function tagOf(domain: string): Uint8Array {
  const known = tags.get(domain)
  if (known !== undefined) return known
  const bytes = utf8(domain)
  const tag = new Uint8Array(4 + bytes.length)
  new DataView(tag.buffer).setUint32(0, bytes.length)
  tag.set(bytes, 4)
  tags.set(domain, tag)
  return tag
}
