/** The bodies of a key ceremony's statements: a key is made, or handed on to other signers. */

import { tagBytes } from '../crypto/aead.ts'
import { frostSignatureBytesMax, pointBytesMax, scalarBytes } from '../crypto/frost-suite.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { custodyDomains } from './custody-domains.ts'
import { byteString, choice, fixedBytes, list, message, nullable, row, uint } from './schema.ts'
import { participantsMax } from './signing-group.ts'
import { statementBodyBytesMax } from './signing-statement.ts'

/** Round 1, to everybody. */
export interface DealingBody {
  /** Points of the dealer's polynomial, as many as the threshold. */
  readonly commitments: readonly Uint8Array[]
  /** That the dealer knows the secret behind the first. */
  readonly proof: Uint8Array
}

export const dealingCodec = message<DealingBody>(
  'dealing',
  1,
  {
    commitments: [1, list(byteString(32, pointBytesMax), participantsMax)],
    proof: [2, byteString(64, frostSignatureBytesMax)],
  },
  { bytesMax: 2048, itemsMax: 64 },
)

/** Most bytes of one dealing as a statement. */
const dealingStatementBytesMax = 2048 + 512

/** What a participant heard in round 1, to everybody: whoever told two participants two things is named by both. */
export interface EchoBody {
  /** The statements of all dealers, encoded, in the order of the dealers. */
  readonly dealings: readonly Uint8Array[]
}

export const echoCodec = message<EchoBody>(
  'echo',
  1,
  { dealings: [1, list(byteString(1, dealingStatementBytesMax), participantsMax)] },
  { bytesMax: 96 * 1024, itemsMax: 128 },
)

/** Bytes that a dealt share is sealed with: the share, the seed of the sealing, and the tag. */
export const sealedShareBytes: number = scalarBytes + 32 + tagBytes

/** Round 2, to one participant. */
export interface DealtShareBody {
  /** Index of the receiver. */
  readonly receiver: number
  /** X-Wing ciphertext to the receiver's attested KEM key. */
  readonly encapsulation: Uint8Array
  /** AES-256-GCM of share ‖ seed; the seed gives the encapsulation again, so that what was sealed can be shown. */
  readonly sealed: Uint8Array
}

export const dealtShareCodec = message<DealtShareBody>(
  'dealt-share',
  1,
  {
    receiver: [1, uint(participantsMax)],
    encapsulation: [2, fixedBytes(kemBytes.ciphertext)],
    sealed: [3, fixedBytes(sealedShareBytes)],
  },
  { bytesMax: 1536, itemsMax: 16 },
)

/** Most bytes of a dealt share as a statement. */
const dealtStatementBytesMax = 1536 + 512

/** A share out of its sealing, with the seed that seals it to the same bytes again. */
export interface OpenedShare {
  readonly share: Uint8Array
  readonly seed: Uint8Array
}

const openedRow = row<OpenedShare>({ share: fixedBytes(scalarBytes), seed: fixedBytes(32) })

/** A receiver says that what it was dealt is wrong. */
export interface ComplaintBody {
  /** The dealer's statement, encoded. */
  readonly dealt: Uint8Array
  /** What was in it; `null` if it does not open, and then the dealer must show what it sealed. */
  readonly opened: OpenedShare | null
}

export const complaintCodec = message<ComplaintBody>(
  'complaint',
  1,
  { dealt: [1, byteString(1, dealtStatementBytesMax)], opened: [2, nullable(openedRow)] },
  { bytesMax: 3072, itemsMax: 16 },
)

/** The dealer shows what it sealed to who complained that it does not open. */
export interface OpeningBody {
  /** Its own statement, encoded. */
  readonly dealt: Uint8Array
  readonly opened: OpenedShare
}

export const openingCodec = message<OpeningBody>(
  'opening',
  1,
  { dealt: [1, byteString(1, dealtStatementBytesMax)], opened: [2, openedRow] },
  { bytesMax: 3072, itemsMax: 16 },
)

/** A participant holds its share and knows the group. */
export interface ConfirmationBody {
  readonly group: Uint8Array
}

export const confirmationCodec = message<ConfirmationBody>(
  'confirmation',
  1,
  { group: [1, fixedBytes(32)] },
  { bytesMax: 64, itemsMax: 16 },
)

/** Bytes of one lock in a table: the lock, and the message that holds it. */
export const lockEntryBytes = 64
/** Locks in one page: 128 KiB. */
export const locksPerPage = 2048
/** Pages of a table: what a group can hold, and the union of what its predecessors held. */
export const lockPagesMax = 64

/** An old signer lets go of its epoch for this successor, and hands over a page of its locks. */
export interface HandoverBody {
  /** Group id of the successor. */
  readonly successor: Uint8Array
  /** `lockTableDigest` of the whole. */
  readonly table: Uint8Array
  readonly pages: number
  /** From 0 on. */
  readonly page: number
  /** Entries in rising order of their locks, joined. */
  readonly locks: Uint8Array
}

export const handoverCodec = message<HandoverBody>(
  'handover',
  1,
  {
    successor: [1, fixedBytes(32)],
    table: [2, fixedBytes(32)],
    pages: [3, uint(lockPagesMax)],
    page: [4, uint(lockPagesMax)],
    locks: [5, byteString(0, locksPerPage * lockEntryBytes)],
  },
  { bytesMax: statementBodyBytesMax, itemsMax: 16 },
)

/** Names all entries of a table, joined: 32 bytes. */
export function lockTableDigest(entries: Uint8Array): Uint8Array {
  return sha256(framed(custodyDomains.lockTable, entries))
}

/** What whoever breaks a ceremony is accused of. Each but the first is shown by statements alone. */
export const ceremonyAccusationCodes = [
  'SILENT',
  'TWO_DEALINGS',
  'DEALING_INVALID',
  'ECHO_FALSE',
  'DEALT_WRONG',
  'COMPLAINT_FALSE',
  'CONFIRMATION_FALSE',
  'ABORT_FALSE',
] as const

/** What an accusation says of whom it names; a choice by place, so append only, and nothing in between. */
export const accusationCodes = [...ceremonyAccusationCodes, 'SHARE_FALSE', 'TWO_VOTES'] as const
export type AccusationCode = (typeof accusationCodes)[number]

/** Who broke a ceremony or a signature, and what shows it. */
export interface Accusation {
  readonly code: AccusationCode
  /** Identity key, 32 bytes. */
  readonly accused: Uint8Array
  /** Statements, encoded. None for `SILENT`, which nobody can show. */
  readonly statements: readonly Uint8Array[]
}

/** Ends a ceremony for everybody; also what is kept of a cheat, and shown. */
export const accusationCodec = message<Accusation>(
  'accusation',
  1,
  {
    code: [1, choice(accusationCodes)],
    accused: [2, fixedBytes(32)],
    statements: [3, list(byteString(1, statementBodyBytesMax), 3)],
  },
  { bytesMax: statementBodyBytesMax, itemsMax: 16 },
)
