/**
 * Statements of threshold signing: one frame for all that is said, so that everything is bound and signed alike.
 *
 * Each names the network, the ceremony or group, its share epoch, one request and its speaker, and is signed by the
 * speaker's identity key: whoever holds two statements that contradict each other, or one that is wrong in itself,
 * can show them to anybody.
 */

import { uint64Bytes, utf8 } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { verifySignature } from '../crypto/sign.ts'
import { custodyDomains } from './custody-domains.ts'
import { byteString, type Codec, choice, fixedBytes, message, uint } from './schema.ts'

/** What a statement is about. Append only. */
export const statementKinds = [
  'proposal',
  'dealing',
  'echo',
  'dealt-share',
  'complaint',
  'opening',
  'confirmation',
  'handover',
  'abort',
  'nonce-request',
  'nonce-offer',
  'lock-request',
  'lock-vote',
  'sign-request',
  'signature-share',
  'signing-refusal',
] as const
export type StatementKind = (typeof statementKinds)[number]

/** Most bytes of a body: a page of locks, or the packages of 32 dealers. */
export const statementBodyBytesMax: number = 144 * 1024
/** Most bytes of a statement; below a frame of a stream. */
export const statementBytesMax: number = statementBodyBytesMax + 512
/** Length of a session, in bytes: drawn for each ceremony and each request. */
export const sessionBytes = 16

/** What is said, by whom, about what. Every field but the signature is signed. */
export interface UnsignedStatement {
  readonly kind: StatementKind
  /** Network id, 32 bytes. */
  readonly network: Uint8Array
  /** Of a ceremony the hash of its proposal, else the group id; 32 bytes. */
  readonly subject: Uint8Array
  /** Share epoch: 1 for the shares that a key was made with, one more at each resharing. */
  readonly epoch: number
  readonly session: Uint8Array
  /** Ed25519 identity key of the speaker, 32 bytes. */
  readonly sender: Uint8Array
  /** Encoded by the codec of the kind. */
  readonly body: Uint8Array
}

export interface SigningStatement extends UnsignedStatement {
  /** Ed25519 over `statementMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

export const statementCodec = message<SigningStatement>(
  'signing-statement',
  1,
  {
    kind: [1, choice(statementKinds)],
    network: [2, fixedBytes(32)],
    subject: [3, fixedBytes(32)],
    epoch: [4, uint()],
    session: [5, fixedBytes(sessionBytes)],
    sender: [6, fixedBytes(32)],
    body: [7, byteString(0, statementBodyBytesMax)],
    signature: [8, fixedBytes(64)],
  },
  { bytesMax: statementBytesMax, itemsMax: 32 },
)

/** The bytes that a speaker signs. */
export function statementMessage(said: UnsignedStatement): Uint8Array {
  const { kind, network, subject, epoch, session, sender, body } = said
  const about = [utf8(kind), network, subject, uint64Bytes(epoch), session, sender] as const
  return framed(custodyDomains.signingStatement, ...about, body)
}

/** Whether the speaker said this. Never throws. */
export function verifyStatement(said: SigningStatement): boolean {
  const { sender, signature } = said
  return verifySignature({ publicKey: sender, message: statementMessage(said), signature })
}

/** What a body says, or `undefined` if it is none of this kind. Other errors than `PeerFault` pass. */
export function bodyOf<T>(said: UnsignedStatement, kind: StatementKind, codec: Codec<T>) {
  if (said.kind !== kind) return undefined
  return readable(codec, said.body)
}

/** What bytes mean, or `undefined` if they mean nothing in this family. */
export function readable<T>(codec: Codec<T>, bytes: Uint8Array) {
  try {
    return codec.decode(bytes)
  } catch (error) {
    if (error instanceof PeerFault) return undefined
    throw error
  }
}

/** Names what a request says: what a signature share answers, 32 bytes. */
export function requestDigest(body: Uint8Array): Uint8Array {
  return sha256(framed(custodyDomains.signingRequest, body))
}
