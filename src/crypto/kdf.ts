import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Secret } from '../base/secret.ts'

/** HKDF-SHA-256 (RFC 5869) of a secret: `length` bytes, owned by the caller. */
export function deriveSecret(
  from: Secret,
  options: { readonly salt: Uint8Array; readonly info: Uint8Array; readonly length: number },
): Secret {
  return from.use(
    bytes => new Secret(hkdf(sha256, bytes, options.salt, options.info, options.length)),
  )
}
