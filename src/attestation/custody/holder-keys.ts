/** The private keys of a holder: Ed25519 to approve with, X-Wing to be sent a share. */
import { concatBytes } from '../../base/bytes.ts'
import { assert } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import { KemKey } from '../../crypto/kem.ts'
import { SigningKey } from '../../crypto/sign.ts'

/** Length of the two seeds, one after the other: Ed25519, then X-Wing. */
export const holderSeedBytes = 64

export class HolderKeys {
  /** As `readHolderKey` reads it, of kind `coterie`. */
  readonly publicKey: Uint8Array
  readonly #signing: SigningKey
  readonly #kem: KemKey

  /** Takes both seeds and wipes them. */
  constructor(seeds: Secret) {
    const [signing, kem] = seeds.use(bytes => {
      assert(bytes.length === holderSeedBytes, 'a holder has two seeds')
      return [new Secret(bytes.slice(0, 32)), new Secret(bytes.slice(32))]
    })
    seeds[Symbol.dispose]()
    this.#signing = new SigningKey(signing)
    this.#kem = new KemKey(kem)
    this.publicKey = concatBytes(this.#signing.publicKey, this.#kem.publicKey)
  }

  /** 64 bytes over the whole of `message`. */
  sign(message: Uint8Array): Uint8Array {
    return this.#signing.sign(message)
  }

  /** As `KemKey.decapsulate`. */
  decapsulate(ciphertext: Uint8Array): Secret | undefined {
    return this.#kem.decapsulate(ciphertext)
  }

  [Symbol.dispose](): void {
    this.#signing[Symbol.dispose]()
    this.#kem[Symbol.dispose]()
  }
}
