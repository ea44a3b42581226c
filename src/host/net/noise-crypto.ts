/**
 * The arithmetic of the Noise handshake on `node:crypto`, and what the handshake itself does not tell: its
 * hash and the other side's static key.
 *
 * Differs from the package's own interface in keeping key objects: there each Diffie-Hellman decodes both
 * keys anew, at more than the cost of the multiplication (measured: 45 and 58 µs beside 37 µs on Node 24).
 * Private keys never leave their key object: what the package holds in their place is an empty handle.
 */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
} from 'node:crypto'
import { concatBytes, equalBytes } from '../../base/bytes.ts'
import { assert, InvariantError, PeerFault } from '../../base/errors.ts'
import type { Secret } from '../../base/secret.ts'
import { MacKey } from '../../crypto/hash.ts'
import { importSpki } from '../../crypto/public-key.node.ts'

/** Bytes in one piece or several, as the libp2p packages hand them over. */
export interface ByteList {
  readonly byteLength: number
  subarray(): Uint8Array
}

interface KeyPair {
  readonly publicKey: Uint8Array
  readonly privateKey: Uint8Array
}

/** What a Noise handshake needs beside its AEAD. */
export interface HandshakeArithmetic {
  hashSHA256(data: Uint8Array | ByteList): Uint8Array
  getHKDF(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array]
  generateX25519KeyPair(): KeyPair
  generateX25519KeyPairFromSeed(seed: Uint8Array): KeyPair
  generateX25519SharedKey(
    privateKey: Uint8Array | ByteList,
    publicKey: Uint8Array | ByteList,
  ): Uint8Array
}

/** PKCS #8 around a raw X25519 private key (RFC 8410 §7). */
const pkcs8Prefix = Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32)
/** SubjectPublicKeyInfo around a raw X25519 public key (RFC 8410 §4). */
const spkiPrefix = Uint8Array.of(48, 42, 48, 5, 6, 3, 43, 101, 110, 3, 33, 0)

/** The static key of this node, decoded once. */
export class NoiseStatic {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly privateKey: KeyObject

  constructor(secret: Secret) {
    this.privateKey = secret.use(bytes => {
      assert(bytes.length === 32, 'a Noise static private key has 32 bytes')
      const key = new Uint8Array(48)
      key.set(pkcs8Prefix)
      key.set(bytes, pkcs8Prefix.length)
      try {
        return createPrivateKey({ key: asBuffer(key), type: 'pkcs8', format: 'der' })
      } finally {
        key.fill(0)
      }
    })
    this.publicKey = rawPublicKey(createPublicKey(this.privateKey))
  }
}

/**
 * The arithmetic of exactly one handshake, in either role, and what it overheard.
 *
 * Noise XX hashes nothing after its last message before it splits, and it splits by an HKDF with empty
 * input (Noise rev 34 §5.2): the last hash before that is the handshake hash h (§11.2). The ephemeral key
 * meets the other's ephemeral key first and its static key second, in both roles (§7.5, pattern XX).
 * A test holds both readings against two real ends, so that an upgrade of the package cannot change them.
 */
export class HandshakeCrypto implements HandshakeArithmetic {
  readonly #own: NoiseStatic
  readonly #staticHandle = new Uint8Array(0)
  readonly #ephemeralHandle = new Uint8Array(0)
  #ephemeral: KeyObject | undefined
  #metByEphemeral: Uint8Array[] = []
  /** The other's keys, decoded: its ephemeral key meets two of ours. */
  readonly #remotes: { readonly raw: Uint8Array; readonly key: KeyObject }[] = []
  #lastHash: Uint8Array | undefined
  #handshakeHash: Uint8Array | undefined

  constructor(own: NoiseStatic) {
    this.#own = own
  }

  /** Noise h, 32 bytes. @throws {InvariantError} before the handshake ended. */
  get handshakeHash(): Uint8Array {
    if (this.#handshakeHash === undefined) throw new InvariantError('the Noise handshake ended')
    return Uint8Array.from(this.#handshakeHash)
  }

  /** The static key that the other side proved to hold, 32 bytes. */
  get remoteStatic(): Uint8Array {
    const key = this.#metByEphemeral[1]
    if (key === undefined) throw new InvariantError('the Noise handshake showed a static key')
    return Uint8Array.from(key)
  }

  // The package takes these functions off the object, so they are bound where they are made.
  readonly hashSHA256 = (data: Uint8Array | ByteList): Uint8Array => {
    const digest = hash('sha256', inOnePiece(data), 'buffer')
    if (this.#handshakeHash === undefined) this.#lastHash = digest
    return digest
  }

  readonly getHKDF = (
    chainingKey: Uint8Array,
    input: Uint8Array,
  ): [Uint8Array, Uint8Array, Uint8Array] => {
    if (input.byteLength === 0) this.#handshakeHash = this.#lastHash
    // Noise rev 34 §4.3. MACs by hand cost half of the platform's HKDF, which makes key objects of its inputs.
    using extractor = new MacKey(chainingKey)
    using expander = new MacKey(extractor.sign(input))
    const first = expander.sign(Uint8Array.of(1))
    const second = expander.sign(concatBytes(first, Uint8Array.of(2)))
    // Only patterns with a pre-shared key ask for a third output (§9.2).
    return [first, second, new Uint8Array(0)]
  }

  readonly generateX25519KeyPair = (): KeyPair => {
    const { publicKey, privateKey } = generateKeyPairSync('x25519')
    this.#ephemeral = privateKey
    return { publicKey: rawPublicKey(publicKey), privateKey: this.#ephemeralHandle }
  }

  readonly generateX25519KeyPairFromSeed = (): KeyPair => ({
    publicKey: this.#own.publicKey,
    privateKey: this.#staticHandle,
  })

  readonly generateX25519SharedKey = (
    privateKey: Uint8Array | ByteList,
    publicKey: Uint8Array | ByteList,
  ): Uint8Array => {
    const remote = inOnePiece(publicKey)
    const isEphemeral = privateKey === this.#ephemeralHandle
    if (isEphemeral) this.#metByEphemeral.push(Uint8Array.from(remote))
    const own = isEphemeral ? this.#ephemeral : this.#own.privateKey
    assert(own !== undefined, 'an ephemeral key is made before it is used')
    assert(isEphemeral || privateKey === this.#staticHandle, 'a private key is one of the handles')
    const key = this.#remoteKey(remote)
    try {
      return diffieHellman({ privateKey: own, publicKey: key })
    } catch (cause) {
      // OpenSSL refuses points of small order, whose product would be zero (RFC 7748 §6.1).
      throw new PeerFault('BAD_KEY', 'the other side sent a key of small order', { cause })
    }
  }

  #remoteKey(raw: Uint8Array): KeyObject {
    const known = this.#remotes.find(remote => equalBytes(remote.raw, raw))
    if (known !== undefined) return known.key
    const key = publicKeyOf(raw)
    this.#remotes.push({ raw: Uint8Array.from(raw), key })
    return key
  }
}

/** @throws {PeerFault} `BAD_KEY` for other than 32 bytes: OpenSSL passes over what follows a key. */
function publicKeyOf(raw: Uint8Array): KeyObject {
  if (raw.length !== 32)
    throw new PeerFault('BAD_KEY', 'the other side sent a key of another length')
  return importSpki(concatBytes(spkiPrefix, raw))
}

function rawPublicKey(key: KeyObject): Uint8Array {
  const { x } = key.export({ format: 'jwk' })
  assert(typeof x === 'string', 'an X25519 key has one coordinate')
  return new Uint8Array(Buffer.from(x, 'base64url'))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/**
 * The bytes themselves, or one piece made of several; never a `Buffer`, whose `slice` shares its memory
 * where everybody else's copies.
 */
export function inOnePiece(data: Uint8Array | ByteList): Uint8Array {
  const bytes = data instanceof Uint8Array ? data : data.subarray()
  if (bytes.constructor === Uint8Array) return bytes
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
