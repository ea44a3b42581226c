/** Public keys of OpenSSL out of their DER. */
import { createPublicKey, type KeyObject } from 'node:crypto'

/**
 * The key of a SubjectPublicKeyInfo. Through PEM, because Node 24 throws and catches two errors of its own for every call whose first
 * argument is an object of options: 14 µs for P-256 instead of 40.
 *
 * @throws whatever OpenSSL says of bytes that are no such key.
 */
export function importSpki(spki: Uint8Array): KeyObject {
  const { buffer, byteOffset, length } = spki
  const text = Buffer.from(buffer, byteOffset, length).toString('base64')
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${text}\n-----END PUBLIC KEY-----`)
}
