import { type Decapsulator, decapsulatorOf, encapsulateWith } from '#crypto/kem'
import { assert } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { kemBytes } from './kem-bytes.ts'

/** An X-Wing key pair: X25519 and ML-KEM-768 together, so that either alone may fall. */
export class KemKey {
  readonly publicKey: Uint8Array
  #decapsulator: Decapsulator | undefined

  /** Takes a 32-byte seed and wipes it. */
  constructor(seed: Secret) {
    this.#decapsulator = seed.use(bytes => {
      assert(bytes.length === kemBytes.seed, 'an X-Wing seed has 32 bytes')
      return decapsulatorOf(bytes)
    })
    seed[Symbol.dispose]()
    this.publicKey = this.#decapsulator.publicKey
  }

  /**
   * The 32-byte shared secret of a ciphertext, or `undefined` if it has the wrong length or an X25519 part
   * of small order. A changed ciphertext gives another secret.
   */
  decapsulate(ciphertext: Uint8Array): Secret | undefined {
    assert(this.#decapsulator !== undefined, 'a wiped key never decapsulates')
    if (ciphertext.length !== kemBytes.ciphertext) return undefined
    const shared = this.#decapsulator.decapsulate(ciphertext)
    return shared === undefined ? undefined : new Secret(shared)
  }

  [Symbol.dispose](): void {
    this.#decapsulator?.wipe()
    this.#decapsulator = undefined
  }
}

/** A fresh shared secret for the owner of `publicKey`; `entropy` is 64 random bytes. `undefined` for a malformed key. */
export function encapsulate(
  publicKey: Uint8Array,
  entropy: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly shared: Secret } | undefined {
  assert(entropy.length === kemBytes.entropy, 'encapsulation takes 64 random bytes')
  if (publicKey.length !== kemBytes.publicKey) return undefined
  const encapsulated = encapsulateWith(publicKey, entropy)
  if (encapsulated === undefined) return undefined
  return { ciphertext: encapsulated.ciphertext, shared: new Secret(encapsulated.shared) }
}
