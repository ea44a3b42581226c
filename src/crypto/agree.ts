import { type Agreer, agreerOf } from '#crypto/agree'
import { assert } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'

/** An X25519 key pair (RFC 7748); made from 32 random bytes that it then owns. */
export class AgreementKey {
  readonly publicKey: Uint8Array
  readonly #secretKey: Secret
  #agreer: Agreer | undefined

  constructor(secretKey: Secret) {
    this.#secretKey = secretKey
    this.#agreer = secretKey.use(bytes => {
      assert(bytes.length === 32, 'an X25519 key has 32 bytes')
      return agreerOf(bytes)
    })
    this.publicKey = this.#agreer.publicKey
  }

  /** The 32-byte shared secret with the owner of `publicKey`; `undefined` for a key of small order or another length. */
  agree(publicKey: Uint8Array): Secret | undefined {
    assert(this.#agreer !== undefined && !this.#secretKey.isWiped, 'a wiped key never agrees')
    if (publicKey.length !== 32) return undefined
    const shared = this.#agreer.agree(publicKey)
    return shared === undefined ? undefined : new Secret(shared)
  }

  [Symbol.dispose](): void {
    this.#agreer?.wipe()
    this.#agreer = undefined
    this.#secretKey[Symbol.dispose]()
  }
}
