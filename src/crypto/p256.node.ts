/** P-256 of OpenSSL. */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject, sign } from 'node:crypto'
import { concatBytes } from '../base/bytes.ts'
import type { Pointed } from './p256.web.ts'
import { importSpki } from './public-key.node.ts'

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
  const key = privateKeyOf(scalar)
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(spkiPrefix.length)),
    sign: message => {
      const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
    },
    agree: point => agree(key, point),
    wipe,
  }
}

function privateKeyOf(scalar: Uint8Array): KeyObject {
  const der = new Uint8Array(pkcs8Prefix.length + 32)
  der.set(pkcs8Prefix)
  der.set(scalar, pkcs8Prefix.length)
  const key = createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

function agree(privateKey: KeyObject, point: Uint8Array): Uint8Array | undefined {
  try {
    const publicKey = importSpki(concatBytes(spkiPrefix, point))
    const shared = diffieHellman({ privateKey, publicKey })
    const own = new Uint8Array(shared)
    shared.fill(0)
    return own
  } catch {
    // OpenSSL refuses a point that is not on the curve.
    return undefined
  }
}

/** Nothing to do: OpenSSL cleanses the key when the last handle on it is collected. */
function wipe(): void {}
