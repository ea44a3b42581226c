/** Public keys of OpenSSL out of their DER. */
import { createPublicKey, type KeyObject } from 'node:crypto'

/**
 * A SubjectPublicKeyInfo as text (RFC 7468 §13). Keys go in as PEM, because Node 24 throws and catches two errors of its own for every
 * call whose argument is an object of options: 14 µs for P-256 instead of 40.
 */
export function pemOfSpki(spki: Uint8Array): string {
  const { buffer, byteOffset, length } = spki
  const text = Buffer.from(buffer, byteOffset, length).toString('base64')
  return `-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----`
}

/**
 * The key of a SubjectPublicKeyInfo.
 *
 * @throws whatever OpenSSL says of bytes that are no such key.
 */
export function importSpki(spki: Uint8Array): KeyObject {
  return createPublicKey(pemOfSpki(spki))
}
