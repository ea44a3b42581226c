/** ECDSA verification of OpenSSL, with keys imported once: certificate chains repeat their issuers. */
import { type KeyObject, verify } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import { concatBytes } from '../base/bytes.ts'
import type { EcdsaCurve, EcdsaHash } from './ecdsa-algorithms.ts'
import { importSpki } from './public-key.node.ts'

/** DER before the point of a P-256 and a P-384 key (RFC 5480 §2). */
const spkiPrefixes: Record<EcdsaCurve, Uint8Array> = {
  'P-256': Uint8Array.from(
    Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  ),
  'P-384': Uint8Array.from(Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')),
}

/** As OpenSSL names them. */
const hashNames = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const

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
  // The key alone and DER: asking for `ieee-p1363` takes an object of options, which costs a third more (see `importSpki`).
  return verify(hashNames[options.hash], options.message, key, derOf(options.signature))
}

function publicKeyOf(curve: EcdsaCurve, point: Uint8Array): KeyObject | undefined {
  const { buffer, byteOffset, length } = point
  const name = Buffer.from(buffer, byteOffset, length).toString('latin1')
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  try {
    const key = importSpki(concatBytes(spkiPrefixes[curve], point))
    publicKeys.set(name, key)
    return key
  } catch {
    // OpenSSL refuses a point that is not on the curve.
    return undefined
  }
}

/** Ecdsa-Sig-Value (RFC 5480 §2.2.3) of r and s. With at most 48 bytes each, every length is in the short form. */
function derOf(signature: Uint8Array): Uint8Array {
  const half = signature.length / 2
  const der = new Uint8Array(signature.length + 8)
  let end = 2
  for (const start of [0, half]) {
    let first = start
    while (first < start + half - 1 && signature[first] === 0) first++
    // A number whose top bit is set has a zero before it, or it would be negative.
    const padding = (signature[first] ?? 0) >= 0x80 ? 1 : 0
    const size = start + half - first
    der[end] = 0x02
    der[end + 1] = size + padding
    der.set(signature.subarray(first, start + half), end + 2 + padding)
    end += 2 + padding + size
  }
  der[0] = 0x30
  der[1] = end - 2
  return der.subarray(0, end)
}
