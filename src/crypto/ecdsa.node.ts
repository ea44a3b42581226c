/** ECDSA verification of OpenSSL, with keys imported once: certificate chains repeat their issuers. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import { concatBytes } from '../base/bytes.ts'
import type { EcdsaCurve, PointSigned } from './ecdsa-algorithms.ts'
import { pemOfSpki } from './public-key.node.ts'

/** DER before the point of a P-256 and a P-384 key (RFC 5480 §2). */
const spkiPrefixes: Record<EcdsaCurve, Uint8Array> = {
  'P-256': Uint8Array.from(
    Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex'),
  ),
  'P-384': Uint8Array.from(Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex')),
}

/** As OpenSSL names them. */
const hashNames = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const

/**
 * Keys by their points: imported, or as text what was seen once. Quotes and certificates of machines that are met for the first time
 * bring keys that nobody will ask for again; OpenSSL reads such a one on the way, which takes less than an object that lives on.
 */
const publicKeys = new BoundedMap<string, KeyObject | string>(256)

/** Whether it holds; a point that is not on the curve signed nothing. */
export function verifyPoint(signed: PointSigned): boolean {
  const { curve, hash, publicKey, message, signature, format } = signed
  // The key alone and DER: asking for `ieee-p1363` takes an object of options, which costs a third more (see `pemOfSpki`).
  const der = format === 'der' ? signature : derOf(signature)
  try {
    return verify(hashNames[hash], message, keyOf(curve, publicKey), der)
  } catch {
    // OpenSSL refuses a point that is not on the curve.
    return false
  }
}

/** @throws whatever OpenSSL says of a point that is not on the curve. */
function keyOf(curve: EcdsaCurve, point: Uint8Array): KeyObject | string {
  const { buffer, byteOffset, length } = point
  const name = Buffer.from(buffer, byteOffset, length).toString('latin1')
  const known = publicKeys.get(name)
  if (known !== undefined && typeof known !== 'string') return known
  const key = createPublicKey(pemOfSpki(concatBytes(spkiPrefixes[curve], point)))
  publicKeys.set(name, key)
  return key
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
