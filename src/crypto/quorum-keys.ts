/**
 * The keys of a quorum, all out of one 32-byte seed, each for one use.
 *
 * The first three are those of qos (`qos_p256/SPEC.md`), so that its tools know the quorum by the same public key. What callers may
 * have signed or sealed has keys of its own: nothing that they choose ever passes for an act of the quorum.
 */
import { concatBytes, utf8 } from '../base/bytes.ts'
import type { Secret } from '../base/secret.ts'
import { framed } from './hash.ts'
import { deriveSecret512 } from './kdf.ts'
import { P256Key, pointBytes } from './p256.ts'

/** Length of a quorum seed. */
export const quorumSeedBytes = 32
/** Length of a quorum's public key: the point to encrypt to, then the point that it signs with. */
export const quorumKeyBytes = 2 * pointBytes

/** What else keys are derived for. Append only: what was sealed for a purpose is opened for it for ever. */
export const quorumPurposes = [
  /** Wraps what lets a network come back from disks. */
  'checkpoint',
  'app-sign',
  'app-encrypt',
  /** Entropy of mnemonics. */
  'mnemonic',
  'rollup',
  /** What callers derive for themselves. */
  'app-derive',
] as const

export type QuorumPurpose = (typeof quorumPurposes)[number]

const domain = 'coterie/quorum-purpose/1'

/** The keys of one seed, which it owns. */
export class QuorumKeys {
  /** 130 bytes. */
  readonly publicKey: Uint8Array
  readonly #seed: Secret
  readonly #signing: P256Key
  readonly #agreement: P256Key

  private constructor(seed: Secret, signing: P256Key, agreement: P256Key) {
    this.#seed = seed
    this.#signing = signing
    this.#agreement = agreement
    this.publicKey = concatBytes(agreement.publicKey, signing.publicKey)
  }

  /** `undefined`, and the seed wiped, if no keys come out of it: one seed in 2^31. */
  static of(seed: Secret): QuorumKeys | undefined {
    const [signing, agreement] = [
      scalarOf(seed, 'qos_p256_sign'),
      scalarOf(seed, 'qos_p256_encrypt'),
    ]
    if (signing !== undefined && agreement !== undefined)
      return new QuorumKeys(seed, signing, agreement)
    for (const part of [seed, signing, agreement]) part?.[Symbol.dispose]()
    return undefined
  }

  /** An act of the quorum: 64 bytes, r and s. The message begins with a domain of acts; callers never choose it. */
  sign(message: Uint8Array): Uint8Array {
    return this.#signing.sign(message)
  }

  /** The secret shared with a point, for what was encrypted to the quorum. */
  agree(point: Uint8Array): Secret | undefined {
    return this.#agreement.agree(point)
  }

  /** 32 bytes for one purpose and what it is about, owned by the caller. */
  derive(purpose: QuorumPurpose, context: Uint8Array): Secret {
    const salt = framed(domain, utf8(purpose))
    return deriveSecret512(this.#seed, { salt, info: context, length: 32 })
  }

  /** Lends the seed to who splits or forwards it. */
  useSeed<T>(action: (seed: Secret) => T): T {
    return action(this.#seed)
  }

  [Symbol.dispose](): void {
    this.#signing[Symbol.dispose]()
    this.#agreement[Symbol.dispose]()
    this.#seed[Symbol.dispose]()
  }
}

/** The point that signs, of a quorum's public key. */
export function signingPoint(publicKey: Uint8Array): Uint8Array {
  return publicKey.subarray(pointBytes)
}

function scalarOf(seed: Secret, path: string): P256Key | undefined {
  const info = new Uint8Array(0)
  return P256Key.of(deriveSecret512(seed, { salt: utf8(path), info, length: 32 }))
}
