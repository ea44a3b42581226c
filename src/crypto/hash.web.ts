/** Hashes for where OpenSSL is not. */
import { toHex } from '../base/bytes.ts'
import { sha256 } from './sha2.ts'

export { sha384, sha512 } from './sha2.ts'
export { sha256 }

export function sha256Hex(data: Uint8Array): string {
  return toHex(sha256(data))
}
