/** X25519 of OpenSSL, which refuses a peer of small order, whose shared secret would be zero (RFC 7748 §6.1). */
import { concatBytes } from '../base/bytes.ts'
import type { Agreer } from './agree.web.ts'
import { agreeWith, privateKeyOf, publicBytesOf, wipe } from './private-key.node.ts'

/** DER before the 32 bytes of a private and of a public X25519 key (RFC 8410 §4, §7). */
const pkcs8Prefix = Uint8Array.from(Buffer.from('302e020100300506032b656e04220420', 'hex'))
const spkiPrefix = Uint8Array.from(Buffer.from('302a300506032b656e032100', 'hex'))

export type { Agreer }

/** Copies the 32 bytes, which stay the caller's. */
export function agreerOf(secretKey: Uint8Array): Agreer {
  const key = privateKeyOf(pkcs8Prefix, secretKey)
  return {
    publicKey: publicBytesOf(spkiPrefix, key),
    agree: publicKey => agreeWith(key, concatBytes(spkiPrefix, publicKey)),
    wipe,
  }
}
