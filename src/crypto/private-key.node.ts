/** Private keys of OpenSSL out of their bare bytes, and what is done with them whatever the curve. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { importSpki } from './public-key.node.ts'

/** The key whose DER (RFC 5208 §5) is `prefix`, then `secret`, which is copied and stays the caller's. */
export function privateKeyOf(prefix: Uint8Array, secret: Uint8Array): KeyObject {
  const der = new Uint8Array(prefix.length + secret.length)
  der.set(prefix)
  der.set(secret, prefix.length)
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

/** What follows `prefix` in the SubjectPublicKeyInfo of a private key. */
export function publicBytesOf(prefix: Uint8Array, privateKey: KeyObject): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(prefix.length))
}

/** The secret shared with the owner of a SubjectPublicKeyInfo, owned by the caller; `undefined` for what OpenSSL refuses as a key or a peer. */
export function agreeWith(privateKey: KeyObject, spki: Uint8Array): Uint8Array | undefined {
  try {
    const shared = diffieHellman({ privateKey, publicKey: importSpki(spki) })
    const own = new Uint8Array(shared)
    shared.fill(0)
    return own
  } catch {
    return undefined
  }
}

/** Nothing to do: OpenSSL cleanses a key when the last handle on it is collected. */
export function wipe(): void {}
