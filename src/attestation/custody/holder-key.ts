/**
 * Public keys of key holders: people, not machines. Three kinds, told by their lengths: our own, that of qos, and the single point that
 * tools of Renclave write.
 */
import { type Digest, digestOf } from '../../base/ids.ts'
import type { Random } from '../../base/random.ts'
import type { Secret } from '../../base/secret.ts'
import { verifyEcdsa } from '../../crypto/ecdsa.ts'
import { framedHash } from '../../crypto/hash.ts'
import { kemBytes } from '../../crypto/kem-bytes.ts'
import { pointBytes } from '../../crypto/p256.ts'
import { verifySignature } from '../../crypto/sign.ts'
import { unwrap, wrapTo } from '../../crypto/wrap.ts'
import { custodyDomains } from '../../wire/custody-domains.ts'
import { sealToPoint } from './point-seal.ts'

/** `coterie`: Ed25519 and X-Wing. `qos`: a point to encrypt to and one that signs. `p256`: one point for both. */
export type HolderKeyKind = 'coterie' | 'qos' | 'p256'

const ed25519Bytes = 32

/** Length of each kind in bytes; no two are alike. */
export const holderKeyBytes = {
  coterie: ed25519Bytes + kemBytes.publicKey,
  qos: 2 * pointBytes,
  p256: pointBytes,
} as const satisfies Record<HolderKeyKind, number>

/** A key that has the form of its kind. */
export interface HolderKey {
  readonly kind: HolderKeyKind
  readonly bytes: Uint8Array
}

/** `undefined` for what has the form of none. */
export function readHolderKey(bytes: Uint8Array): HolderKey | undefined {
  switch (bytes.length) {
    case holderKeyBytes.coterie:
      return { kind: 'coterie', bytes }
    case holderKeyBytes.qos:
      return bytes[0] === 0x04 && bytes[pointBytes] === 0x04 ? { kind: 'qos', bytes } : undefined
    case holderKeyBytes.p256:
      return bytes[0] === 0x04 ? { kind: 'p256', bytes } : undefined
    default:
      return undefined
  }
}

/** The part that signs and the part that is sealed to; of a single point both are the same. */
export function partsOfHolderKey({ kind, bytes }: HolderKey): {
  readonly signing: Uint8Array
  readonly sealing: Uint8Array
} {
  return kind === 'coterie'
    ? { signing: bytes.subarray(0, ed25519Bytes), sealing: bytes.subarray(ed25519Bytes) }
    : { signing: bytes.subarray(-pointBytes), sealing: bytes.subarray(0, pointBytes) }
}

/** What people read to each other over another channel. */
export function holderFingerprint({ bytes }: HolderKey): Digest {
  return digestOf(framedHash(custodyDomains.holderKey, bytes))
}

/** Whether the holder signed `message`: 64 bytes, Ed25519 or ECDSA with SHA-256. Never throws. */
export function signedByHolder(
  key: HolderKey,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { signing: publicKey } = partsOfHolderKey(key)
  return key.kind === 'coterie'
    ? verifySignature({ publicKey, message, signature })
    : verifyEcdsa({ curve: 'P-256', format: 'raw', publicKey, message, signature })
}

/**
 * Seals a secret to the holder; `undefined` if the key has no sense. For `coterie`, encapsulation and ciphertext one after the other, bound
 * to `about`; for the others, the envelope of qos, which binds to nothing but the key.
 */
export function sealToHolder(
  key: HolderKey,
  secret: Secret,
  given: { readonly about: Uint8Array; readonly random: Random },
): Uint8Array | undefined {
  const { sealing } = partsOfHolderKey(key)
  if (key.kind !== 'coterie') return sealToPoint(sealing, secret, given.random)
  const wrapped = wrapTo(sealing, secret, given)
  if (wrapped === undefined) return undefined
  const { encapsulation, sealed } = wrapped
  const joined = new Uint8Array(encapsulation.length + sealed.length)
  joined.set(encapsulation)
  joined.set(sealed, encapsulation.length)
  return joined
}

/** What `sealToHolder` sealed to a key of kind `coterie`, owned by the caller; `undefined` if it is for another key, about something else, or changed. */
export function openAsHolder(
  sealed: Uint8Array,
  about: Uint8Array,
  keys: { decapsulate(ciphertext: Uint8Array): Secret | undefined },
): Secret | undefined {
  const encapsulation = sealed.slice(0, kemBytes.ciphertext)
  return unwrap({ encapsulation, sealed: sealed.slice(kemBytes.ciphertext) }, about, keys)
}
