/**
 * The gossip envelope and the sealed frame of member streams (docs/spec/envelope.md).
 *
 * Padded body of an envelope, before sealing:
 *
 *     payload length 4 ‖ author 32 ‖ sequence 8 ‖ signature 64 ‖ payload ‖ zeros up to the bucket
 *
 * and of a frame, which the attested link authenticates and so carries no signature:
 *
 *     payload length 4 ‖ payload ‖ zeros up to the bucket
 *
 * Order of work for a receiver: size and bucket, key at hand, open, padding; then, in the caller's hands,
 * is the author a member, is the sequence fresh (`ReplayWindow.judge`), and only then the signature, which
 * costs more than everything before it; then `ReplayWindow.accept`.
 */
import { uint64Bytes } from '../base/bytes.ts'
import { assert, InvariantError } from '../base/errors.ts'
import type { Digest, NetworkId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import type { SigningKey } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { largestBucket, paddedLength } from './padding.ts'
import {
  OpeningKeys,
  readHeader,
  SealingKey,
  type SealingOptions,
  sealingBytes,
} from './sealing.ts'
import { signedBytes, type UnverifiedBody } from './signed-body.ts'
import { type Topic, topicNames, topics } from './topics.ts'

const lengthBytes = 4
const signedPrefixBytes = lengthBytes + 32 + 8 + 64
const framePaddedBytesMin = 256
const frameBucketMax = largestBucket(limits.frameBytesMax - sealingBytes)

/** Largest payload of one frame, in bytes. */
export const framePayloadBytesMax = frameBucketMax - lengthBytes

/** Largest payload of one envelope on a topic, in bytes. */
export function envelopePayloadBytesMax(topic: Topic): number {
  return bucketMax(topic) - signedPrefixBytes
}

/** Why sealed bytes were not opened. */
export type EnvelopeRefusalCode =
  /** Too short, too long, or not the size of a bucket. */
  | 'ENVELOPE_SIZE'
  /** The tag does not hold: another key, topic, network or any changed bit. */
  | 'ENVELOPE_FORGED'
  /** It opened, and its inside is not what this version writes: a key holder misbehaves. */
  | 'ENVELOPE_BODY'

/** A value, because a hostile host makes these at will and an exception costs more than the message. */
export type NotOpened =
  | { readonly kind: 'refused'; readonly code: EnvelopeRefusalCode }
  /** Hold the message and pull this key. */
  | { readonly kind: 'unknown-key'; readonly keyId: Digest }

export type Unsealed = { readonly kind: 'unsealed'; readonly body: UnverifiedBody } | NotOpened
export type OpenedFrame = { readonly kind: 'opened'; readonly payload: Uint8Array } | NotOpened

/** Looks an epoch key up; lent for the call. */
export type KeyLookup = (keyId: Digest) => Secret | undefined

/** What one author needs to seal on one topic under one epoch key. */
export interface SealerOptions extends SealingOptions {
  readonly network: NetworkId
  readonly topic: Topic
  /** Lent for the life of the sealer. */
  readonly author: SigningKey
}

/** Seals one author's payloads on one topic under one epoch key: a signature and an AEAD call each. */
export class Sealer {
  readonly topic: Topic
  readonly keyId: Digest
  readonly #author: SigningKey
  readonly #signedPrefix: Uint8Array
  readonly #key: SealingKey

  constructor(options: SealerOptions) {
    this.topic = options.topic
    this.keyId = options.keyId
    this.#author = options.author
    this.#signedPrefix = signedPrefix(options)
    const scope = { domain: domains.envelopeKey, network: options.network, name: options.topic }
    this.#key = new SealingKey(scope, options)
  }

  /**
   * A whole envelope, freshly allocated.
   *
   * `sequence` counts per author and topic and is never given to two payloads; the caller owns it, because
   * it outlives the epoch key. @throws {InvariantError} for a payload above `envelopePayloadBytesMax`.
   */
  seal(sequence: number, payload: Uint8Array): Uint8Array {
    assert(Number.isSafeInteger(sequence) && sequence >= 0, 'a sequence is a whole number')
    const length = signedPrefixBytes + payload.length
    const padded = new Uint8Array(bucketFor(length, this.topic))
    new DataView(padded.buffer).setUint32(0, payload.length)
    padded.set(this.#author.publicKey, lengthBytes)
    padded.set(uint64Bytes(sequence), lengthBytes + 32)
    padded.set(this.#author.sign(this.#signed(sequence, payload)), lengthBytes + 40)
    padded.set(payload, signedPrefixBytes)
    return this.#key.seal(padded)
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }

  /** `signedBytes` of the body, from the prefix made once. */
  #signed(sequence: number, payload: Uint8Array): Uint8Array {
    const prefix = this.#signedPrefix
    const signed = new Uint8Array(prefix.length + 16 + payload.length)
    const view = new DataView(signed.buffer)
    signed.set(prefix)
    view.setUint32(prefix.length, 8)
    signed.set(uint64Bytes(sequence), prefix.length + 4)
    view.setUint32(prefix.length + 12, payload.length)
    signed.set(payload, prefix.length + 16)
    return signed
  }
}

/** What one sender needs to seal frames of one stream protocol under one epoch key. */
export interface FrameSealerOptions extends SealingOptions {
  readonly network: NetworkId
  /** The stream protocol's name. */
  readonly protocol: string
}

/** Seals payloads of member streams under the traffic key, inside the link's own encryption. */
export class FrameSealer {
  readonly keyId: Digest
  readonly #key: SealingKey

  constructor(options: FrameSealerOptions) {
    this.keyId = options.keyId
    const scope = { domain: domains.frameKey, network: options.network, name: options.protocol }
    this.#key = new SealingKey(scope, options)
  }

  /** A whole frame, freshly allocated. @throws {InvariantError} for a payload above `framePayloadBytesMax`. */
  seal(payload: Uint8Array): Uint8Array {
    const length = lengthBytes + payload.length
    if (length > frameBucketMax) throw new InvariantError('a frame payload fits its limit')
    const padded = new Uint8Array(paddedLength(length, framePaddedBytesMin))
    new DataView(padded.buffer).setUint32(0, payload.length)
    padded.set(payload, lengthBytes)
    return this.#key.seal(padded)
  }

  [Symbol.dispose](): void {
    this.#key[Symbol.dispose]()
  }
}

/** Opens what members of one network sealed. Keeps derived keys, bounded, and nothing else. */
export class Opener {
  readonly #network: NetworkId
  readonly #protocols: readonly string[]
  readonly #keys: OpeningKeys

  /**
   * `protocols` are the stream protocols whose frames it opens. `keysMax` bounds the derived keys: one per
   * live sender, topic or protocol and usable epoch key is the working set.
   */
  constructor(options: {
    readonly network: NetworkId
    readonly protocols?: readonly string[]
    readonly keysMax?: number
  }) {
    const { network, protocols = [], keysMax = 4096 } = options
    this.#network = network
    this.#protocols = protocols
    const scopes = [
      ...topicNames.map(name => ({ domain: domains.envelopeKey, network, name })),
      ...protocols.map(name => ({ domain: domains.frameKey, network, name })),
    ]
    this.#keys = new OpeningKeys(scopes, keysMax)
  }

  /** Opens an envelope that arrived on `topic`. Never throws; the payload is a view into fresh bytes. */
  unseal(topic: Topic, bytes: Uint8Array, keyOf: KeyLookup): Unsealed {
    const { envelopeBytesMax, paddedBytesMin } = topics[topic]
    if (!isBucketSized(bytes, envelopeBytesMax, paddedBytesMin)) return refused('ENVELOPE_SIZE')
    const opened = this.#open(topicNames.indexOf(topic), bytes, keyOf)
    if (opened.kind !== 'padded') return opened
    const { padded, keyId } = opened
    const view = new DataView(padded.buffer, padded.byteOffset, padded.length)
    const high = view.getUint32(lengthBytes + 32)
    const end = payloadEnd(padded, signedPrefixBytes, paddedBytesMin)
    if (end === undefined || high >= 2 ** 21) return refused('ENVELOPE_BODY')
    const body = {
      network: this.#network,
      topic,
      keyId,
      author: padded.subarray(lengthBytes, lengthBytes + 32),
      sequence: high * 2 ** 32 + view.getUint32(lengthBytes + 36),
      signature: padded.subarray(lengthBytes + 40, signedPrefixBytes),
      payload: padded.subarray(signedPrefixBytes, end),
    }
    return { kind: 'unsealed', body: body as UnverifiedBody }
  }

  /** Opens a frame of a stream that speaks `protocol`. Never throws. */
  openFrame(protocol: string, bytes: Uint8Array, keyOf: KeyLookup): OpenedFrame {
    const index = this.#protocols.indexOf(protocol)
    assert(index >= 0, 'a protocol was named when the opener was made')
    if (!isBucketSized(bytes, limits.frameBytesMax, framePaddedBytesMin)) {
      return refused('ENVELOPE_SIZE')
    }
    const opened = this.#open(topicNames.length + index, bytes, keyOf)
    if (opened.kind !== 'padded') return opened
    const end = payloadEnd(opened.padded, lengthBytes, framePaddedBytesMin)
    if (end === undefined) return refused('ENVELOPE_BODY')
    return { kind: 'opened', payload: opened.padded.subarray(lengthBytes, end) }
  }

  /** Drops every key derived from an epoch key; call it when the epoch key is wiped. */
  forget(keyId: Digest): void {
    this.#keys.forget(keyId)
  }

  [Symbol.dispose](): void {
    this.#keys[Symbol.dispose]()
  }

  #open(
    scopeIndex: number,
    bytes: Uint8Array,
    keyOf: KeyLookup,
  ): { kind: 'padded'; padded: Uint8Array; keyId: Digest } | NotOpened {
    const header = readHeader(bytes)
    if (header === undefined) return refused('ENVELOPE_SIZE')
    const epochKey = keyOf(header.keyId)
    if (epochKey === undefined) return { kind: 'unknown-key', keyId: header.keyId }
    const padded = this.#keys.open(scopeIndex, bytes, epochKey)
    if (padded === undefined) return refused('ENVELOPE_FORGED')
    return { kind: 'padded', padded, keyId: header.keyId }
  }
}

function refused(code: EnvelopeRefusalCode): {
  readonly kind: 'refused'
  code: EnvelopeRefusalCode
} {
  return { kind: 'refused', code }
}

function bucketMax(topic: Topic): number {
  return largestBucket(topics[topic].envelopeBytesMax - sealingBytes)
}

function bucketFor(length: number, topic: Topic): number {
  if (length > bucketMax(topic)) throw new InvariantError(`a ${topic} payload fits its limit`)
  return paddedLength(length, topics[topic].paddedBytesMin)
}

function isBucketSized(bytes: Uint8Array, max: number, least: number): boolean {
  const length = bytes.length - sealingBytes
  return length >= least && bytes.length <= max && paddedLength(length, least) === length
}

/** Where the payload ends, if length, bucket and zeros are exactly what a sealer writes. */
function payloadEnd(padded: Uint8Array, start: number, least: number): number | undefined {
  const length = new DataView(padded.buffer, padded.byteOffset).getUint32(0)
  const end = start + length
  if (end > padded.length || paddedLength(end, least) !== padded.length) return undefined
  for (let i = end; i < padded.length; i++) if (padded[i] !== 0) return undefined
  return end
}

/** The part of `signedBytes` that does not change from body to body. */
function signedPrefix({ network, topic, keyId, author }: SealerOptions): Uint8Array {
  const empty = { network, topic, keyId, author: author.publicKey, sequence: 0 }
  const whole = signedBytes({ ...empty, payload: new Uint8Array(0) })
  return whole.subarray(0, whole.length - 16)
}

export { readHeader } from './sealing.ts'
export { verifySignedBody as verifyBody } from './signed-body.ts'
