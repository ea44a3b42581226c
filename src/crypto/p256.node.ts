/** P-256 of OpenSSL, which refuses a point that is not on the curve. */
import { sign } from 'node:crypto'
import { concatBytes } from '../base/bytes.ts'
import type { Pointed } from './p256.web.ts'
import { agreeWith, privateKeyOf, publicBytesOf, wipe } from './private-key.node.ts'

/** DER before the 32 bytes of a scalar (RFC 5915 §3 inside RFC 5208 §5, without the public key) and before the point of a public key (RFC 5480 §2). */
const pkcs8Prefix = Uint8Array.from(
  Buffer.from('3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420', 'hex'),
)
const spkiPrefix = Uint8Array.from(
  Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
)

export type { Pointed }

/** Copies the 32 bytes of a scalar of the curve, which stay the caller's. */
export function pointedOf(scalar: Uint8Array): Pointed {
  const key = privateKeyOf(pkcs8Prefix, scalar)
  return {
    publicKey: publicBytesOf(spkiPrefix, key),
    sign: message => {
      const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
    },
    agree: point => agreeWith(key, concatBytes(spkiPrefix, point)),
    wipe,
  }
}
