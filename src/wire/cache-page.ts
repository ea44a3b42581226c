/**
 * A page of a node's disk cache: entries as anti-entropy sends them, sealed under a `storage` key.
 *
 *     header 52 (key id, salt, counter) ‖ AES-256-GCM(length 4 ‖ page ‖ padding) ‖ tag 16
 *
 * What opens was written by a member of this network that held the key. It proves nothing about age: a host
 * can put back any page it ever saw.
 */
import type { Digest, NetworkId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { paddedLength } from './padding.ts'
import {
  OpeningKeys,
  readHeader,
  type Scope,
  SealingKey,
  type SealingOptions,
  sealingBytes,
} from './sealing.ts'

const lengthBytes = 4
/** Cached pages are few and large: the smallest bucket hides how little a small network holds. */
const paddedBytesMin = 4096
/** The longest sealed page. */
export const cachePageBytesMax =
  sealingBytes + paddedLength(lengthBytes + limits.syncPageBytesMax, paddedBytesMin)
/** Writers whose derived keys are kept: a cache holds pages of one or two boots. */
const keysMax = 8

const scopeOf = (network: NetworkId): Scope => ({
  domain: domains.cachePage,
  network,
  name: 'replica',
})

/** Seals pages under one storage key. */
export class CachePageSealer {
  readonly keyId: Digest
  readonly #key: SealingKey

  constructor(network: NetworkId, options: SealingOptions) {
    this.keyId = options.keyId
    this.#key = new SealingKey(scopeOf(network), options)
  }

  /** A sealed page, freshly allocated. `page` has at most `limits.syncPageBytesMax` bytes. */
  seal(page: Uint8Array): Uint8Array {
    const padded = new Uint8Array(paddedLength(lengthBytes + page.length, paddedBytesMin))
    new DataView(padded.buffer).setUint32(0, page.length)
    padded.set(page, lengthBytes)
    return this.#key.seal(padded)
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Opens pages of one network. */
export class CachePageOpener {
  readonly #keys: OpeningKeys

  constructor(network: NetworkId) {
    this.#keys = new OpeningKeys([scopeOf(network)], keysMax)
  }

  /** The page, freshly allocated, or `undefined` if it is too long, its key is not held or any bit is another. */
  open(sealed: Uint8Array, keyOf: (id: Digest) => Secret | undefined): Uint8Array | undefined {
    const header = sealed.length > cachePageBytesMax ? undefined : readHeader(sealed)
    const key = header === undefined ? undefined : keyOf(header.keyId)
    if (key === undefined) return undefined
    const padded = this.#keys.open(0, sealed, key)
    if (padded === undefined || padded.length < lengthBytes) return undefined
    const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0)
    if (length > padded.length - lengthBytes) return undefined
    return padded.subarray(lengthBytes, lengthBytes + length)
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]()
  }
}
