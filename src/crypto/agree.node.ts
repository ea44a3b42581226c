/** X25519 of OpenSSL. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto'
import { concatBytes } from '../base/bytes.ts'
import type { Agreer } from './agree.web.ts'
import { importSpki } from './public-key.node.ts'

/** DER before the 32 bytes of a private and of a public X25519 key (RFC 8410 §4, §7). */
const pkcs8Prefix = Uint8Array.from(Buffer.from('302e020100300506032b656e04220420', 'hex'))
const spkiPrefix = Uint8Array.from(Buffer.from('302a300506032b656e032100', 'hex'))

export type { Agreer }

/** Copies the 32 bytes, which stay the caller's. */
export function agreerOf(secretKey: Uint8Array): Agreer {
  const der = new Uint8Array(pkcs8Prefix.length + 32)
  der.set(pkcs8Prefix)
  der.set(secretKey, pkcs8Prefix.length)
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' })
  der.fill(0)
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(spkiPrefix.length)),
    agree: publicKey => agree(key, publicKey),
    wipe,
  }
}

function agree(privateKey: KeyObject, publicKey: Uint8Array): Uint8Array | undefined {
  try {
    const peer = importSpki(concatBytes(spkiPrefix, publicKey))
    const shared = diffieHellman({ privateKey, publicKey: peer })
    const own = new Uint8Array(shared)
    shared.fill(0)
    return own
  } catch {
    // OpenSSL refuses a peer of small order, whose shared secret would be zero (RFC 7748 §6.1).
    return undefined
  }
}

/** Nothing to do: OpenSSL cleanses the key when the last handle on it is collected. */
function wipe(): void {}
