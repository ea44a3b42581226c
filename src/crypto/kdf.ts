import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { Secret } from '../base/secret.ts'

/** What a key is derived for. */
export interface Derivation {
  readonly salt: Uint8Array
  readonly info: Uint8Array
  /** Bytes of the result. */
  readonly length: number
}

/** HKDF-SHA-256 (RFC 5869) of a secret: `length` bytes, owned by the caller. */
export function deriveSecret(from: Secret, { salt, info, length }: Derivation): Secret {
  return from.use(bytes => new Secret(hkdf(sha256, bytes, salt, info, length)))
}

/** HKDF-SHA-512 (RFC 5869) of a secret: `length` bytes, owned by the caller. */
export function deriveSecret512(from: Secret, { salt, info, length }: Derivation): Secret {
  return from.use(bytes => new Secret(hkdf(sha512, bytes, salt, info, length)))
}

/** HMAC-SHA-512 (RFC 2104): 64 bytes, owned by the caller. */
export function macSecret512(key: Secret, message: Uint8Array): Secret {
  return key.use(bytes => new Secret(hmac(sha512, bytes, message)))
}
