import { type Signer, signerOf, verifyStrict } from '#crypto/sign'
import { fromHex } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import type { Secret } from '../base/secret.ts'

/** An Ed25519 key pair (RFC 8032) that signs; made from a 32-byte seed that it then owns. */
export class SigningKey {
  readonly publicKey: Uint8Array
  readonly #seed: Secret
  #signer: Signer | undefined

  constructor(seed: Secret) {
    this.#seed = seed
    this.#signer = seed.use(bytes => {
      assert(bytes.length === 32, 'an Ed25519 seed has 32 bytes')
      return signerOf(bytes)
    })
    this.publicKey = this.#signer.publicKey
  }

  /** 64 bytes over the whole of `message`. */
  sign(message: Uint8Array): Uint8Array {
    assert(this.#signer !== undefined && !this.#seed.isWiped, 'a wiped key never signs')
    return this.#signer.sign(message)
  }

  [Symbol.dispose](): void {
    this.#signer?.wipe()
    this.#signer = undefined
    this.#seed[Symbol.dispose]()
  }
}

/** What is signed, by whom. */
export interface Signed {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/**
 * Whether an Ed25519 signature holds. Never throws: a malformed key or signature is `false`.
 *
 * One predicate on every platform, byte for byte: the strict one of RFC 8032 §5.1.7 without the cofactor,
 * for keys and commitments (the first half of a signature) in their only spelling and not of small order.
 * Under such a key a signature can hold for every message (Chalkias et al., "Taming the many EdDSAs", SSR
 * 2020, §4); such a commitment no honest signer makes, and releases of OpenSSL disagree about it.
 */
export function verifySignature({ publicKey, message, signature }: Signed): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  if (isWeak(publicKey) || isWeak(signature)) return false
  return verifyStrict(publicKey, message, signature)
}

/** y coordinates of the eight points of small order (SSR 2020, Table 1), little-endian, sign bit clear. */
const smallOrder: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(hex => fromHex(hex) ?? new Uint8Array())

/** Whether the point in the first 32 bytes is of small order or spells its y coordinate as y + p. */
function isWeak(bytes: Uint8Array): boolean {
  if (isUnreduced(bytes)) return true
  return smallOrder.some(point => {
    for (let i = 0; i < 31; i++) if (point[i] !== bytes[i]) return false
    return point[31] === ((bytes[31] ?? 0) & 0x7f)
  })
}

/** Whether y is 2^255 - 19 or more: only 19 spellings are, all with 30 bytes of 0xff in the middle. */
function isUnreduced(bytes: Uint8Array): boolean {
  if (((bytes[31] ?? 0) & 0x7f) !== 0x7f || (bytes[0] ?? 0) < 0xed) return false
  for (let i = 1; i < 31; i++) if (bytes[i] !== 0xff) return false
  return true
}
