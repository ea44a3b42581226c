/**
 * HPKE (RFC 9180) in base mode: X-Wing, HKDF-SHA256, AES-256-GCM. One message per context, and what its exporter gives.
 *
 * Own code and no package: the packages at hand want WebCrypto, which pages of insecure origins do not have, and hand keys about as bare
 * bytes. Tests hold it against such a package and against the vectors of the RFC.
 */
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { Secret } from '../base/secret.ts'
import { open, seal } from './aead.ts'
import { encapsulate, type KemKey } from './kem.ts'

/** Numbers of algorithms (RFC 9180 §7 and IANA's registry "HPKE"). */
export interface HpkeSuite {
  readonly kem: number
  readonly kdf: number
  readonly aead: number
  /** Of the AEAD, in bytes. */
  readonly keyBytes: number
}

/** X-Wing is 0x647a in draft-connolly-cfrg-xwing-kem; the KDF and the AEAD are those of RFC 9180 §7.2 and §7.3. */
const xWingSuite: HpkeSuite = { kem: 0x647a, kdf: 1, aead: 2, keyBytes: 32 }

const nothing = new Uint8Array(0)
const nonceBytes = 12
const hashBytes = 32

/** The secrets that both ends of one encapsulation share; whoever made it disposes it. */
export class HpkeContext {
  readonly #keys: HpkeKeys
  #isUsed = false

  constructor(keys: HpkeKeys) {
    this.#keys = keys
  }

  /** Seals the one message: ciphertext and 16-byte tag. A second one would take the nonce of the first. */
  seal(aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    assert(!this.#isUsed, 'a context seals one message')
    this.#isUsed = true
    const { key, baseNonce } = this.#keys
    return seal({ key, nonce: baseNonce, aad }, plaintext)
  }

  /** The one message, or `undefined` if anything at all was changed. */
  open(aad: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
    const { key, baseNonce } = this.#keys
    return open({ key, nonce: baseNonce, aad }, sealed)
  }

  /** `length` bytes, the same for both ends and `context` and for nobody else (RFC 9180 §5.3). */
  export(context: Uint8Array, length: number): Secret {
    const { exporter, suite } = this.#keys
    return exporter.use(bytes => new Secret(labeledExpand(suite, bytes, 'sec', context, length)))
  }

  [Symbol.dispose](): void {
    this.#keys.key[Symbol.dispose]()
    this.#keys.exporter[Symbol.dispose]()
  }
}

/** What the key schedule gives. */
export interface HpkeKeys {
  readonly suite: HpkeSuite
  readonly key: Secret
  /** 12 bytes; of the first message (RFC 9180 §5.2). */
  readonly baseNonce: Uint8Array
  readonly exporter: Secret
}

/** To the owner of `publicKey`; `entropy` is 64 random bytes. `undefined` for a malformed key. */
export function sendTo(
  publicKey: Uint8Array,
  given: { readonly info: Uint8Array; readonly entropy: Uint8Array },
): { readonly encapsulated: Uint8Array; readonly context: HpkeContext } | undefined {
  const made = encapsulate(publicKey, given.entropy)
  if (made === undefined) return undefined
  using shared = made.shared
  const context = new HpkeContext(keySchedule(xWingSuite, shared, given.info))
  return { encapsulated: made.ciphertext, context }
}

/** From whoever encapsulated to `key`; `undefined` for a malformed encapsulation. A changed one gives a context that opens nothing. */
export function receiveWith(
  key: KemKey,
  given: { readonly info: Uint8Array; readonly encapsulated: Uint8Array },
): HpkeContext | undefined {
  using shared = key.decapsulate(given.encapsulated)
  if (shared === undefined) return undefined
  return new HpkeContext(keySchedule(xWingSuite, shared, given.info))
}

/** The key schedule of base mode (RFC 9180 §5.1), without a pre-shared key. `shared` stays the caller's. */
export function keySchedule(suite: HpkeSuite, shared: Secret, info: Uint8Array): HpkeKeys {
  const pskIdHash = labeledExtract(suite, nothing, 'psk_id_hash', nothing)
  const infoHash = labeledExtract(suite, nothing, 'info_hash', info)
  const context = concatBytes(Uint8Array.of(0), pskIdHash, infoHash)
  const secret = shared.use(bytes => labeledExtract(suite, bytes, 'secret', nothing))
  const derive = (label: string, length: number): Uint8Array =>
    labeledExpand(suite, secret, label, context, length)
  try {
    return {
      suite,
      key: new Secret(derive('key', suite.keyBytes)),
      baseNonce: derive('base_nonce', nonceBytes),
      exporter: new Secret(derive('exp', hashBytes)),
    }
  } finally {
    secret.fill(0)
  }
}

const version = utf8('HPKE-v1')

function suiteId({ kem, kdf, aead }: HpkeSuite): Uint8Array {
  return concatBytes(utf8('HPKE'), uint16(kem), uint16(kdf), uint16(aead))
}

/** RFC 9180 §4. */
function labeledExtract(
  suite: HpkeSuite,
  salt: Uint8Array,
  label: string,
  ikm: Uint8Array,
): Uint8Array {
  return extract(sha256, concatBytes(version, suiteId(suite), utf8(label), ikm), salt)
}

/** RFC 9180 §4. */
function labeledExpand(
  suite: HpkeSuite,
  key: Uint8Array,
  label: string,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const labeled = concatBytes(uint16(length), version, suiteId(suite), utf8(label), info)
  return expand(sha256, key, labeled, length)
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff)
}
