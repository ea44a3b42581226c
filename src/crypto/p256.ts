import { type Pointed, pointedOf } from '#crypto/p256'
import { fromHex } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'

/** Length of an uncompressed point: 0x04, x, y (SEC 1 §2.3.3). */
export const pointBytes = 65

/**
 * A P-256 key that signs (ECDSA with SHA-256, FIPS 186-5 §6) or agrees (ECDH, SP 800-56A §5.7.1.2); made from a 32-byte scalar that it
 * then owns. One key is used for one of the two.
 */
export class P256Key {
  /** Uncompressed, 65 bytes. */
  readonly publicKey: Uint8Array
  readonly #scalar: Secret
  #key: Pointed | undefined

  private constructor(scalar: Secret, key: Pointed) {
    this.#scalar = scalar
    this.#key = key
    this.publicKey = key.publicKey
  }

  /** `undefined`, and the scalar wiped, if it is zero or not below the order of the curve: one in 2^32. */
  static of(scalar: Secret): P256Key | undefined {
    const key = scalar.use(bytes => {
      assert(bytes.length === 32, 'a P-256 scalar has 32 bytes')
      return isScalar(bytes) ? pointedOf(bytes) : undefined
    })
    if (key !== undefined) return new P256Key(scalar, key)
    scalar[Symbol.dispose]()
    return undefined
  }

  /** r and s, 32 bytes each, over the SHA-256 of `message`. */
  sign(message: Uint8Array): Uint8Array {
    return this.#live().sign(message)
  }

  /** The x coordinate of the shared point, 32 bytes; `undefined` if `point` is not on the curve. */
  agree(point: Uint8Array): Secret | undefined {
    if (point.length !== pointBytes || point[0] !== 0x04) return undefined
    const shared = this.#live().agree(point)
    return shared === undefined ? undefined : new Secret(shared)
  }

  [Symbol.dispose](): void {
    this.#key?.wipe()
    this.#key = undefined
    this.#scalar[Symbol.dispose]()
  }

  #live(): Pointed {
    assert(this.#key !== undefined && !this.#scalar.isWiped, 'a wiped key is never used')
    return this.#key
  }
}

/** n of SP 800-186 §3.2.1.3. */
const order =
  fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551') ?? new Uint8Array()

/** Whether 0 < scalar < n: asked here, because OpenSSL takes some of the others. Looks at every byte, whatever the first ones say. */
function isScalar(scalar: Uint8Array): boolean {
  let [any, borrow] = [0, 0]
  for (let i = 31; i >= 0; i--) {
    any |= scalar[i] ?? 0
    borrow = (scalar[i] ?? 0) - (order[i] ?? 0) - borrow < 0 ? 1 : 0
  }
  return any !== 0 && borrow === 1
}
