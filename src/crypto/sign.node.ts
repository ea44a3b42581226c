/** Ed25519 of OpenSSL, with keys imported once. */
import { type KeyObject, sign, verify } from 'node:crypto'
import { BoundedMap } from '../base/bounded-map.ts'
import { concatBytes } from '../base/bytes.ts'
import { privateKeyOf, publicBytesOf, wipe } from './private-key.node.ts'
import { importSpki } from './public-key.node.ts'
import type { Signer } from './sign.web.ts'

/** DER before the 32 bytes of a private and of a public Ed25519 key (RFC 8410 §4, §7). */
const pkcs8Prefix = Uint8Array.from(Buffer.from('302e020100300506032b657004220420', 'hex'))
const spkiPrefix = Uint8Array.from(Buffer.from('302a300506032b6570032100', 'hex'))

/** Reading a key costs a tenth of a verification; one peer's key is used for every batch and beat. */
const publicKeysMax = 4096
const publicKeys = new BoundedMap<string, KeyObject>(publicKeysMax)

export type { Signer }

/** Copies the seed, which stays the caller's. */
export function signerOf(seed: Uint8Array): Signer {
  const key = privateKeyOf(pkcs8Prefix, seed)
  return {
    publicKey: publicBytesOf(spkiPrefix, key),
    sign: message => {
      const signature = sign(null, message, key)
      return new Uint8Array(signature.buffer, signature.byteOffset, signature.length)
    },
    wipe,
  }
}

/** RFC 8032 §5.1.7 without the cofactor. The key is 32 and the signature 64 bytes; the key is not weak. */
export function verifyStrict(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  return verify(null, message, publicKeyOf(publicKey), signature)
}

function publicKeyOf(publicKey: Uint8Array): KeyObject {
  const name = Buffer.from(publicKey.buffer, publicKey.byteOffset, 32).toString('latin1')
  const known = publicKeys.get(name)
  if (known !== undefined) return known
  const key = importSpki(concatBytes(spkiPrefix, publicKey))
  publicKeys.set(name, key)
  return key
}
