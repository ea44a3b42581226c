/**
 * What gossip envelopes and stream frames share: a header, a derived key and a padded sealed body.
 *
 *     key id 32 ‖ salt 16 ‖ counter 4 ‖ AES-256-GCM(padded body) ‖ tag 16
 *
 * The key id is the whole hash: 16 bytes would save 16 in a message of 300 and more, and would give keys
 * two names. The version stands in the domain, and so in the derived key and in the topic's name.
 *
 * Nonce = counter, which starts at 0 under each salt; 16 random bytes of salt make the derived key the
 * sealer's own, so that senders who share an epoch key share no nonce (reasons: NIST SP 800-38D §8.3
 * bounds random nonces under one key to 2^32, and a shared key would be used by all members at once).
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { toHex, utf8 } from '../base/bytes.ts'
import { assert } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import type { Random } from '../base/random.ts'
import type { Secret } from '../base/secret.ts'
import { AeadKey, nonceBytes, tagBytes } from '../crypto/aead.ts'
import { framed } from '../crypto/hash.ts'
import { deriveSecret } from '../crypto/kdf.ts'
import type { Domain } from './domains.ts'

/** Bytes before the sealed body. */
export const headerBytes = 52
/** Bytes that sealing adds to a padded body. */
export const sealingBytes = headerBytes + tagBytes

const saltBytes = 16
/** Counters under one salt: what four bytes count. */
const sealsPerSaltMax = 2 ** 32

/** The public part of a sealed message. Nothing in it is believed before the body opens. */
export interface EnvelopeHeader {
  /** Names the epoch key: SHA-256(domain, kind, key). */
  readonly keyId: Digest
  /** 16 bytes, a view into the message. */
  readonly salt: Uint8Array
  readonly counter: number
}

/** The header of a sealed message, or `undefined` if it is shorter than one. */
export function readHeader(bytes: Uint8Array): EnvelopeHeader | undefined {
  if (bytes.length < sealingBytes) return undefined
  return {
    keyId: digestOf(bytes.subarray(0, 32)),
    salt: bytes.subarray(32, 32 + saltBytes),
    counter: new DataView(bytes.buffer, bytes.byteOffset).getUint32(headerBytes - 4),
  }
}

/** Where sealed bytes belong: nothing sealed for one scope opens in another. */
export interface Scope {
  readonly domain: Domain
  readonly network: NetworkId
  /** Topic or stream protocol. */
  readonly name: string
}

/** The scope as bytes: HKDF info, and the start of the bound data. */
export function scopeBytes({ domain, network, name }: Scope): Uint8Array {
  return framed(domain, bytesOfDigest(network), utf8(name))
}

/** What one sender seals with. */
export interface SealingOptions {
  readonly keyId: Digest
  /** Lent for the life of the sealing key: a new salt derives from it again. */
  readonly epochKey: Secret
  readonly random: Random
  /** After how many seals a new salt is drawn; 2^32, which is also the most, unless said. */
  readonly sealsPerSalt?: number
}

/** One sender's key under one epoch key and scope. */
export class SealingKey {
  readonly #scope: Uint8Array
  readonly #keyId: Uint8Array
  readonly #epochKey: Secret
  readonly #random: Random
  readonly #sealsPerSalt: number
  #salt: Uint8Array
  #key: AeadKey
  #counter = 0

  constructor(scope: Scope, options: SealingOptions) {
    const { sealsPerSalt = sealsPerSaltMax } = options
    assert(sealsPerSalt > 0 && sealsPerSalt <= sealsPerSaltMax, 'a counter has four bytes')
    this.#sealsPerSalt = sealsPerSalt
    this.#scope = scopeBytes(scope)
    this.#keyId = bytesOfDigest(options.keyId)
    this.#epochKey = options.epochKey
    this.#random = options.random
    this.#salt = options.random.bytes(saltBytes)
    this.#key = derive(this.#epochKey, this.#salt, this.#scope)
  }

  /** A whole sealed message around `padded`, freshly allocated. */
  seal(padded: Uint8Array): Uint8Array {
    if (this.#counter === this.#sealsPerSalt) this.#renew()
    const header = new Uint8Array(headerBytes)
    header.set(this.#keyId)
    header.set(this.#salt, 32)
    new DataView(header.buffer).setUint32(headerBytes - 4, this.#counter)
    const context = { nonce: nonceOf(header), aad: boundData(this.#scope, header), prefix: header }
    this.#counter++
    return this.#key.seal(context, padded)
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }

  #renew(): void {
    this.#key[Symbol.dispose]()
    this.#salt = this.#random.bytes(saltBytes)
    this.#key = derive(this.#epochKey, this.#salt, this.#scope)
    this.#counter = 0
  }
}

/** Derived keys of others, by key id, salt and scope; only keys that opened something are kept. */
export class OpeningKeys {
  readonly #scopes: readonly Uint8Array[]
  readonly #keys: BoundedMap<string, AeadKey>

  /** `scopes` are addressed by their position. */
  constructor(scopes: readonly Scope[], keysMax: number) {
    this.#scopes = scopes.map(scopeBytes)
    this.#keys = new BoundedMap(keysMax, key => key[Symbol.dispose]())
  }

  /**
   * The padded body, freshly allocated, or `undefined` if key, scope or any bit is another.
   *
   * A message that does not open costs one derivation and leaves nothing behind: salts are free to make, so
   * a stranger must not be able to push good keys out of the cache.
   */
  open(scopeIndex: number, bytes: Uint8Array, epochKey: Secret): Uint8Array | undefined {
    const scope = this.#scopes[scopeIndex]
    assert(scope !== undefined, 'a scope was named when the opener was made')
    const header = bytes.subarray(0, headerBytes)
    const name = `${toHex(bytes.subarray(0, 32 + saltBytes))}${scopeIndex}`
    const known = this.#keys.get(name)
    const key = known ?? derive(epochKey, bytes.subarray(32, 32 + saltBytes), scope)
    const context = { nonce: nonceOf(header), aad: boundData(scope, header) }
    const padded = key.open(context, bytes.subarray(headerBytes))
    if (known === undefined) {
      if (padded === undefined) key[Symbol.dispose]()
      else this.#keys.set(name, key)
    }
    return padded
  }

  /** Drops what was derived from an epoch key, which is being wiped. */
  forget(keyId: Digest): void {
    for (const name of [...this.#keys.keys()]) if (name.startsWith(keyId)) this.#keys.delete(name)
  }

  [Symbol.dispose](): void {
    this.#keys.clear()
  }
}

function derive(epochKey: Secret, salt: Uint8Array, info: Uint8Array): AeadKey {
  using derived = deriveSecret(epochKey, { salt, info, length: 32 })
  return new AeadKey(derived)
}

function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(nonceBytes)
  nonce.set(header.subarray(headerBytes - 4), nonceBytes - 4)
  return nonce
}

/** `framed(domain, network, name, header)`, given `framed(domain, network, name)`. */
function boundData(scope: Uint8Array, header: Uint8Array): Uint8Array {
  const bound = new Uint8Array(scope.length + 4 + headerBytes)
  bound.set(scope)
  bound[scope.length + 3] = headerBytes
  bound.set(header, scope.length + 4)
  return bound
}
