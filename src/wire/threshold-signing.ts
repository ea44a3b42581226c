/** The bodies of statements between who asks a group for a signature and its signers. */

import { pointBytesMax, scalarBytes } from '../crypto/frost-suite.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { custodyDomains } from './custody-domains.ts'
import { byteString, choice, fixedBytes, list, message, nullable, row, uint } from './schema.ts'
import { participantsMax } from './signing-group.ts'

/** Most bytes of a message to be signed: any transaction, and what commits to more goes in as a hash. */
export const signedMessageBytesMax: number = 32 * 1024
/** Most bytes of what a lock is named by. */
export const lockKeyBytesMax = 256
/** Most pairs of nonces in one offer. */
export const noncesPerOffer = 16

const point = byteString(32, pointBytesMax)

/** Asks a signer for nonce commitments to keep. */
export interface NonceRequestBody {
  readonly count: number
}

export const nonceRequestCodec = message<NonceRequestBody>(
  'nonce-request',
  1,
  { count: [1, uint(noncesPerOffer)] },
  { bytesMax: 32, itemsMax: 16 },
)

/** Public halves of pairs of nonces that the signer keeps, each for one signature share. */
export interface NonceOfferBody {
  readonly commitments: readonly { readonly hiding: Uint8Array; readonly binding: Uint8Array }[]
}

export const nonceOfferCodec = message<NonceOfferBody>(
  'nonce-offer',
  1,
  { commitments: [1, list(row({ hiding: point, binding: point }), noncesPerOffer)] },
  { bytesMax: 2048, itemsMax: 64 },
)

const messageField = byteString(0, signedMessageBytesMax)
const lockKeyField = byteString(1, lockKeyBytesMax)

/** Asks a signer to give a lock to a message, for ever. */
export interface LockRequestBody {
  readonly lockKey: Uint8Array
  readonly message: Uint8Array
}

export const lockRequestCodec = message<LockRequestBody>(
  'lock-request',
  1,
  { lockKey: [1, lockKeyField], message: [2, messageField] },
  { bytesMax: 34 * 1024, itemsMax: 16 },
)

/** A signer keeps a lock for a message and will never sign another under it. */
export interface LockVoteBody {
  /** `lockId`, 32 bytes. */
  readonly lock: Uint8Array
  /** `messageHash`, 32 bytes. */
  readonly message: Uint8Array
}

export const lockVoteCodec = message<LockVoteBody>(
  'lock-vote',
  1,
  { lock: [1, fixedBytes(32)], message: [2, fixedBytes(32)] },
  { bytesMax: 128, itemsMax: 16 },
)

/** Most bytes of a vote as a statement. */
const voteStatementBytesMax = 512

/** A signer's nonce commitment in a set of signers. */
export interface ChosenCommitment {
  /** Of the signer, from 1 on. */
  readonly index: number
  readonly hiding: Uint8Array
  readonly binding: Uint8Array
}

/** Asks the chosen signers for their shares. */
export interface SignRequestBody {
  readonly message: Uint8Array
  /** `null` in a group without locks. */
  readonly lockKey: Uint8Array | null
  /** In rising order of their indices, as many as sign. */
  readonly commitments: readonly ChosenCommitment[]
  /** Statements that keep the lock for this message, encoded. */
  readonly votes: readonly Uint8Array[]
}

export const signRequestCodec = message<SignRequestBody>(
  'sign-request',
  1,
  {
    message: [1, messageField],
    lockKey: [2, nullable(lockKeyField)],
    commitments: [
      3,
      list(
        row<ChosenCommitment>({ index: uint(participantsMax), hiding: point, binding: point }),
        participantsMax,
      ),
    ],
    votes: [4, list(byteString(1, voteStatementBytesMax), participantsMax)],
  },
  { bytesMax: 56 * 1024, itemsMax: 256 },
)

/** A signer's part of a signature. */
export interface SignatureShareBody {
  /** `requestDigest` of the request's body: the share answers this and nothing else. */
  readonly request: Uint8Array
  readonly share: Uint8Array
}

export const signatureShareCodec = message<SignatureShareBody>(
  'signature-share',
  1,
  { request: [1, fixedBytes(32)], share: [2, fixedBytes(scalarBytes)] },
  { bytesMax: 128, itemsMax: 16 },
)

/** Why a signer gives nothing. Append only. */
export const signingRefusalCodes = [
  'EPOCH_ENDED',
  'NOT_PERMITTED',
  'REQUEST_MALFORMED',
  'LOCK_WANTED',
  'LOCK_UNPROVEN',
  'LOCKED_OTHERWISE',
  'LOCKS_FULL',
  'NONCE_UNKNOWN',
] as const
export type SigningRefusalCode = (typeof signingRefusalCodes)[number]

export interface SigningRefusalBody {
  /** `requestDigest` of what is refused. */
  readonly request: Uint8Array
  readonly code: SigningRefusalCode
}

export const signingRefusalCodec = message<SigningRefusalBody>(
  'signing-refusal',
  1,
  { request: [1, fixedBytes(32)], code: [2, choice(signingRefusalCodes)] },
  { bytesMax: 64, itemsMax: 16 },
)

/** Names a lock of a key, whoever holds its shares: 32 bytes. */
export function lockId(
  key: { readonly network: Uint8Array; readonly publicKey: Uint8Array },
  lockKey: Uint8Array,
): Uint8Array {
  return sha256(framed(custodyDomains.signingLock, key.network, key.publicKey, lockKey))
}

/** What a lock keeps of a message: 32 bytes. */
export function messageHash(content: Uint8Array): Uint8Array {
  return sha256(framed(custodyDomains.signingMessage, content))
}
