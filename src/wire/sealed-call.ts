/**
 * A call of a node's API that nobody between client and TEE reads (docs/spec/attested-channel.md): the question sealed to the subkey of the
 * node, the answer under a key that only the two can make, and signed over the question.
 *
 *     client ── sealed-call: subkey digest ‖ encapsulated ‖ HPKE(client-call, signed by the client) ──> node
 *     client <── sealed-answer: nonce ‖ AEAD(call-answer) ‖ signature over hashes of both ───────────── node
 *
 * In the manner of RFC 9458 it wraps an ordinary call, so that a new route needs no new format.
 */
import { uint64Bytes, utf8 } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { seconds } from '../base/time.ts'
import { nonceBytes, tagBytes } from '../crypto/aead.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { largestBucket } from './padding.ts'
import { byteString, choice, type Field, fixedBytes, message, uint } from './schema.ts'

/** A call is refused that wants to count for longer, by the clock of the node. */
export const callLifeMax = seconds(60)
/** The least size of what is sealed: the length of a key or of a small value does not show. */
export const callPaddedBytesMin = 1_024

export const callMethods = ['GET', 'PUT', 'POST', 'DELETE'] as const

/** What is asked of the API, as over HTTP. */
export interface Call {
  readonly method: (typeof callMethods)[number]
  /** With its query, percent-encoded; begins with one slash, at most 4,096 characters. */
  readonly path: string
  /** Media type of the body; empty without one. */
  readonly type: string
  readonly body: Uint8Array
}

/** A call as a client signs it. */
export interface ClientCall extends Call {
  /** 16 random bytes; a node carries a call of one id out once. */
  readonly id: Uint8Array
  /** Milliseconds of the group clock after which it no longer counts. */
  readonly expiresAt: number
  /** Identity key of the node that may carry it out, 32 bytes. */
  readonly node: Uint8Array
  /** Ed25519 key of the client, as the manifest lists it, 32 bytes. */
  readonly client: Uint8Array
  /** Ed25519 of the client over `callMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

/** What a node answers, as over HTTP. */
export interface CallAnswer {
  /** HTTP status, 200 to 599. */
  readonly status: number
  /** Media type of the body. */
  readonly type: string
  readonly body: Uint8Array
}

/** The outside of a call: what the node needs to open it, and no more. */
export interface SealedCall {
  /** `subkeyDigest`, 32 bytes. */
  readonly subkey: Uint8Array
  readonly encapsulated: Uint8Array
  readonly sealed: Uint8Array
}

export interface SealedAnswer {
  /** 32 random bytes that the key of this answer is made with. */
  readonly nonce: Uint8Array
  readonly sealed: Uint8Array
  /** Ed25519 of the node's identity key over `answerMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

/** A text that `isGood` passes: what would mean something in a header or a URL has no way in. */
function checked(isGood: (text: string) => boolean): Field<string> {
  return {
    write: value => value,
    read: value => {
      if (typeof value === 'string' && isGood(value)) return value
      throw new PeerFault('BAD_FIELD', 'expected a text that a request can carry')
    },
  }
}

const pathCharactersMax = 4_096

/** Whether this can be asked for: printable ASCII behind one slash; no fragment, and no backslash, which URLs read as a slash. */
export function isCallPath(path: string): boolean {
  return path.length <= pathCharactersMax && /^\/(?!\/)[!-~]*$/.test(path) && !/[#\\]/.test(path)
}

/** Whether this can stand as a media type: printable ASCII, at most 128 characters. */
export function isCallType(type: string): boolean {
  return type.length <= 128 && /^[ -~]*$/.test(type)
}

const sealedBytesMax = limits.sealedCallBytesMax - kemBytes.ciphertext - 256
/** Of the call inside, with its signature: what is left of the largest bucket behind length and tag. */
const callBytesMax = largestBucket(sealedBytesMax - tagBytes) - 4

/** The longest body of a call, in bytes. */
export const callBodyBytesMax = callBytesMax - pathCharactersMax - 512

export const clientCallCodec = message<ClientCall>(
  'client-call',
  1,
  {
    id: [1, fixedBytes(16)],
    expiresAt: [2, uint()],
    node: [3, fixedBytes(32)],
    client: [4, fixedBytes(32)],
    method: [5, choice(callMethods)],
    path: [6, checked(isCallPath)],
    type: [7, checked(isCallType)],
    body: [8, byteString(0, callBodyBytesMax)],
    signature: [9, fixedBytes(64)],
  },
  { bytesMax: callBytesMax, itemsMax: 32 },
)

export const callAnswerCodec = message<CallAnswer>(
  'call-answer',
  1,
  {
    status: [1, uint(599)],
    type: [2, checked(isCallType)],
    body: [3, byteString(0, limits.callAnswerBytesMax)],
  },
  { bytesMax: limits.callAnswerBytesMax + 256, itemsMax: 16 },
)

export const sealedCallCodec = message<SealedCall>(
  'sealed-call',
  1,
  {
    subkey: [1, fixedBytes(32)],
    encapsulated: [2, fixedBytes(kemBytes.ciphertext)],
    sealed: [3, byteString(callPaddedBytesMin + tagBytes, sealedBytesMax)],
  },
  { bytesMax: limits.sealedCallBytesMax, itemsMax: 16 },
)

/** Padmé adds 1/16 at most, and a sixteenth of what is left covers the rest. */
const answerSealedBytesMax = Math.ceil(limits.callAnswerBytesMax * 1.125)

/** The longest answer that is read, in bytes. */
export const sealedAnswerBytesMax = answerSealedBytesMax + 256

export const sealedAnswerCodec = message<SealedAnswer>(
  'sealed-answer',
  1,
  {
    nonce: [1, fixedBytes(32)],
    sealed: [2, byteString(callPaddedBytesMin + tagBytes, answerSealedBytesMax)],
    signature: [3, fixedBytes(64)],
  },
  { bytesMax: sealedAnswerBytesMax, itemsMax: 16 },
)

/** To whom a call is sealed. */
export interface CallTarget {
  readonly network: NetworkId
  /** Identity key of the node, 32 bytes. */
  readonly node: Uint8Array
  /** `subkeyDigest` of its subkey. */
  readonly subkey: Digest
}

/** What HPKE binds a call to. */
export function callInfo({ network, node, subkey }: CallTarget): Uint8Array {
  return framed(domains.sealedCall, bytesOfDigest(network), node, bytesOfDigest(subkey))
}

/** What the seal of a call covers beside it: all of its outside. */
export function callAad(outside: Omit<SealedCall, 'sealed'>): Uint8Array {
  return sealedCallCodec.encode({ ...outside, sealed: nothing })
}

/** The bytes that a client signs. The encapsulation is among them, so that no node can seal the call again to another. */
export function callMessage(
  { network, node, subkey }: CallTarget,
  encapsulated: Uint8Array,
  call: Omit<ClientCall, 'signature' | 'node'>,
): Uint8Array {
  return framed(
    domains.clientCall,
    bytesOfDigest(network),
    node,
    bytesOfDigest(subkey),
    encapsulated,
    call.id,
    uint64Bytes(call.expiresAt),
    call.client,
    utf8(call.method),
    utf8(call.path),
    utf8(call.type),
    call.body,
  )
}

/** By which an answer names the sealed call that it answers: over all of its bytes. */
export function requestDigest(request: Uint8Array): Digest {
  return digestOf(sha256(request))
}

/** What the exporter of the call is asked for to seal its answer: a key and a nonce, so many bytes together. */
export function answerKeyContext(nonce: Uint8Array): Uint8Array {
  return framed(domains.sealedAnswerKey, nonce)
}

export const answerKeyBytes = 32 + nonceBytes

/** The bytes that a node signs to answer: this question, this answer. */
export function answerMessage(
  { network, node }: Pick<CallTarget, 'network' | 'node'>,
  request: Digest,
  { nonce, sealed }: Omit<SealedAnswer, 'signature'>,
): Uint8Array {
  return framed(
    domains.sealedAnswer,
    bytesOfDigest(network),
    node,
    bytesOfDigest(request),
    nonce,
    sha256(sealed),
  )
}

const nothing = new Uint8Array(0)
