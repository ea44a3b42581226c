/**
 * What a gossip envelope holds once it is opened: a payload with its author's signature. It stands on its
 * own, outside its envelope and after its epoch key is gone: two signed heartbeats of one author and
 * sequence with different content are evidence for removal.
 */
import type { Brand } from '../base/brand.ts'
import { uint64Bytes, utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { framed } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { domains } from './domains.ts'
import { limits } from './limits.ts'
import { byteString, choice, type Field, fixedBytes, message, uint } from './schema.ts'
import { type Topic, topicNames } from './topics.ts'

/** A payload that claims an author. Every field but the signature is signed. */
export interface SignedBody {
  readonly network: NetworkId
  readonly topic: Topic
  /** The epoch key that the envelope was sealed under. */
  readonly keyId: Digest
  /** The author's Ed25519 identity key, 32 bytes. */
  readonly author: Uint8Array
  /** Counts per author and topic, from 0 to 2^53 - 1. */
  readonly sequence: number
  readonly payload: Uint8Array
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array
}

/** A body whose signature has not been checked. Neither applied, forwarded nor acknowledged. */
export type UnverifiedBody = Brand<SignedBody, 'UnverifiedBody'>
/** A body whose signature holds. Whether its author may speak at all is the reader's question. */
export type VerifiedBody = Brand<SignedBody, 'VerifiedBody'>

/** What the author signs. */
export function signedBytes(body: Omit<SignedBody, 'signature'>): Uint8Array {
  return framed(
    domains.envelopeBody,
    bytesOfDigest(body.network),
    utf8(body.topic),
    bytesOfDigest(body.keyId),
    body.author,
    uint64Bytes(body.sequence),
    body.payload,
  )
}

/** The same body as verified, or `undefined` if the author did not sign exactly this. Never throws. */
export function verifySignedBody(body: SignedBody): VerifiedBody | undefined {
  const message = signedBytes(body)
  const holds = verifySignature({ publicKey: body.author, message, signature: body.signature })
  return holds ? (body as VerifiedBody) : undefined
}

const digest: Field<Digest> = {
  write: value => bytesOfDigest(value),
  read: value => digestOf(fixedBytes(32).read(value)),
}

const networkId: Field<NetworkId> = {
  write: value => bytesOfDigest(value),
  read: value => digestOf(fixedBytes(32).read(value)) as string as NetworkId,
}

/** A signed body as carried in evidence; its codec checks shape, never the signature. */
export const signedBodyCodec = message<SignedBody>(
  'signed-body',
  1,
  {
    network: [1, networkId],
    topic: [2, choice(topicNames)],
    keyId: [3, digest],
    author: [4, fixedBytes(32)],
    sequence: [5, uint()],
    payload: [6, byteString(0, limits.gossipBytesMax)],
    signature: [7, fixedBytes(64)],
  },
  { bytesMax: limits.gossipBytesMax, itemsMax: 64 },
)
