/**
 * This node's identity as libp2p sees it: it signs, and it is never read.
 *
 * Differs from the package's key class in keeping the key object (decoding it costs more than signing) and
 * in having no raw form. Ed25519 signatures are deterministic (RFC 8032 §5.1.6), so the one that Noise asks
 * for in every handshake, over the static key of this boot, is made once.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Ed25519PublicKey } from '@libp2p/interface'
import { ed25519 } from '@noble/curves/ed25519.js'
import { equalBytes, toHex } from '../../base/bytes.ts'
import { assert, InvariantError } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { type ByteList, inOnePiece } from './noise-crypto.ts'

/** PKCS #8 around a raw Ed25519 seed (RFC 8410 §7). */
const pkcs8Prefix = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32)
/** Signatures kept: the handshake's and the records' of libp2p; anything else is rare. */
const keptMax = 16

/** An Ed25519 identity for libp2p. */
export class IdentityKey implements Ed25519PrivateKey {
  readonly type = 'Ed25519'
  readonly publicKey: Ed25519PublicKey
  readonly #key: KeyObject
  readonly #kept = new Map<string, Uint8Array>()

  constructor(seed: Secret) {
    this.#key = seed.use(bytes => {
      assert(bytes.length === 32, 'an Ed25519 seed has 32 bytes')
      const key = Buffer.concat([pkcs8Prefix, bytes])
      try {
        return createPrivateKey({ key, type: 'pkcs8', format: 'der' })
      } finally {
        key.fill(0)
      }
    })
    const raw = seed.use(bytes => ed25519.getPublicKey(bytes))
    const publicKey = publicKeyFromRaw(raw)
    assert(publicKey.type === 'Ed25519', 'a 32-byte raw public key is an Ed25519 key')
    this.publicKey = publicKey
  }

  /** Not given away: @throws {InvariantError}. */
  get raw(): Uint8Array {
    throw new InvariantError('an identity key is used in place')
  }

  equals(other?: { readonly publicKey?: { readonly raw?: Uint8Array } }): boolean {
    const raw = other?.publicKey?.raw
    return raw !== undefined && equalBytes(raw, this.publicKey.raw)
  }

  sign(data: Uint8Array | ByteList): Uint8Array {
    const message = inOnePiece(data)
    const name = message.length <= 64 ? toHex(message) : undefined
    const kept = name === undefined ? undefined : this.#kept.get(name)
    if (kept !== undefined) return kept
    const signature = new Uint8Array(sign(null, message, this.#key))
    if (name !== undefined && this.#kept.size < keptMax) this.#kept.set(name, signature)
    return signature
  }
}
