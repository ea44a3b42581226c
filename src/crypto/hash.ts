import * as platform from '#crypto/hash'
import { utf8 } from '../base/bytes.ts'

/** SHA-256 (FIPS 180-4): 32 fresh bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return platform.sha256(data)
}

/** SHA-384 (FIPS 180-4): 48 fresh bytes. */
export function sha384(data: Uint8Array): Uint8Array {
  return platform.sha384(data)
}

/** SHA-512 (FIPS 180-4): 64 fresh bytes. */
export function sha512(data: Uint8Array): Uint8Array {
  return platform.sha512(data)
}

/**
 * HMAC-SHA-256 (RFC 2104): 32 fresh bytes.
 *
 * Two plain hashes on every platform: at the sizes it is used for (a trie leaf, a short frame) OpenSSL
 * spends four times as long on making an HMAC key ready. Whoever uses one key often keeps a `MacKey`.
 */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  using mac = new MacKey(key)
  return mac.sign(data)
}

const blockBytes = 64
const digestBytes = 32

/** An HMAC-SHA-256 key, padded once. Copies the key; wiped on dispose. */
export class MacKey {
  readonly #inner = new Uint8Array(blockBytes).fill(0x36)
  readonly #outer = new Uint8Array(blockBytes + digestBytes).fill(0x5c, 0, blockBytes)

  constructor(key: Uint8Array) {
    const short = key.length > blockBytes ? sha256(key) : key
    for (let at = 0; at < short.length; at++) {
      const byte = short[at] ?? 0
      this.#inner[at] = byte ^ 0x36
      this.#outer[at] = byte ^ 0x5c
    }
  }

  /** 32 fresh bytes over `data`. */
  sign(data: Uint8Array): Uint8Array {
    const message = new Uint8Array(blockBytes + data.length)
    message.set(this.#inner)
    message.set(data, blockBytes)
    this.#outer.set(sha256(message), blockBytes)
    message.fill(0, 0, blockBytes)
    return sha256(this.#outer)
  }

  [Symbol.dispose](): void {
    this.#inner.fill(0)
    this.#outer.fill(0)
  }
}

/**
 * `domain` and `parts`, each behind its length as four big-endian bytes, joined: no two different rows of
 * parts give the same bytes. This is what is hashed and signed everywhere.
 */
export function framed(domain: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(framedLength(domain, parts))
  writeFramed(joined, domain, parts)
  return joined
}

/** `sha256(framed(domain, ...parts))` without the array in between: what tries are made of. */
export function framedHash(domain: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha256(framedForNow(domain, parts))
}

/** The same in lower-case hexadecimal, for names: OpenSSL writes it faster than we turn bytes into text. */
export function framedHashHex(domain: string, ...parts: readonly Uint8Array[]): string {
  return platform.sha256Hex(framedForNow(domain, parts))
}

/** `framed`, good until the next call. Longer messages are rare and have their own array. */
function framedForNow(domain: string, parts: readonly Uint8Array[]): Uint8Array {
  const length = framedLength(domain, parts)
  const target = length > scratch.length ? new Uint8Array(length) : scratch
  writeFramed(target, domain, parts)
  return target.subarray(0, length)
}

/** As long as most documents of vendors. */
const scratch = new Uint8Array(16 * 1024)

function framedLength(domain: string, parts: readonly Uint8Array[]): number {
  let length = tagOf(domain).length
  for (const part of parts) length += 4 + part.length
  return length
}

function writeFramed(target: Uint8Array, domain: string, parts: readonly Uint8Array[]): void {
  const tag = tagOf(domain)
  target.set(tag)
  let offset = tag.length
  for (const part of parts) {
    target[offset] = part.length >>> 24
    target[offset + 1] = part.length >>> 16
    target[offset + 2] = part.length >>> 8
    target[offset + 3] = part.length
    target.set(part, offset + 4)
    offset += 4 + part.length
  }
}

/** Domains are constants of the code, so this stays as small as their table. */
const tags = new Map<string, Uint8Array>()

/** The domain behind its length, made once. */
function tagOf(domain: string): Uint8Array {
  const known = tags.get(domain)
  if (known !== undefined) return known
  const bytes = utf8(domain)
  const tag = new Uint8Array(4 + bytes.length)
  new DataView(tag.buffer).setUint32(0, bytes.length)
  tag.set(bytes, 4)
  tags.set(domain, tag)
  return tag
}
