/** RSASSA-PSS verification of OpenSSL, with keys imported once: there are few authorities. */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import type { RsaSigned } from './rsa-algorithms.ts'

const saltBytes = 48
const publicKeys = new BoundedMap<string, KeyObject>(32)

/** `modulus` and `signature` have 512 bytes. */
export function verifyPss({ modulus, message, signature }: RsaSigned): boolean {
  const padding = constants.RSA_PKCS1_PSS_PADDING
  const key = { key: publicKeyOf(modulus), padding, saltLength: saltBytes }
  return verify('sha384', message, key, signature)
}

function publicKeyOf(modulus: Uint8Array): KeyObject {
  const n = Buffer.from(modulus).toString('base64url')
  const known = publicKeys.get(n)
  if (known !== undefined) return known
  const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' })
  publicKeys.set(n, key)
  return key
}
