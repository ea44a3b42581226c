/** Hashes of noble, for where OpenSSL is not. */
import { sha256 } from '@noble/hashes/sha2.js'
import { toHex } from '../base/bytes.ts'

export { sha384, sha512 } from '@noble/hashes/sha2.js'
export { sha256 }

export function sha256Hex(data: Uint8Array): string {
  return toHex(sha256(data))
}
