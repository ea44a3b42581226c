/** ECDSA verification of OpenSSL, with keys imported once: certificate chains repeat their issuers. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import type { EcdsaCurve, EcdsaHash } from './ecdsa-algorithms.ts'

/** DER before the point of a P-256 and a P-384 key (RFC 5480 §2). */
const spkiPrefixes: Record<EcdsaCurve, Uint8Array> = {
  'P-256': Uint8Array.from(
    Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  ),
  'P-384': Uint8Array.from(Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')),
}

const publicKeysMax = 256
const publicKeys = new BoundedMap<string, KeyObject>(publicKeysMax)

/** `publicKey` is an uncompressed point and `signature` r and s in the curve's length. */
export function verifyPoint(options: {
  readonly curve: EcdsaCurve
  readonly hash: EcdsaHash
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}): boolean {
  const key = publicKeyOf(options.curve, options.publicKey)
  if (key === undefined) return false
  const hash = options.hash.replace('-', '').toLowerCase()
  return verify(hash, options.message, { key, dsaEncoding: 'ieee-p1363' }, options.signature)
}

function publicKeyOf(curve: EcdsaCurve, point: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(point).toString('latin1')
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  try {
    const der = Buffer.concat([spkiPrefixes[curve], point])
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    publicKeys.set(name, key)
    return key
  } catch {
    // OpenSSL refuses a point that is not on the curve.
    return undefined
  }
}
