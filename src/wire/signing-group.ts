/**
 * Groups: who holds the shares of which key, since which epoch. And proposals: which group shall come to be.
 *
 * The id of a group is the hash of all of it, so two groups of one key in two epochs never pass for each other.
 */

import { type FrostSuite, frostSuites, pointBytesMax } from '../crypto/frost-suite.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { custodyDomains } from './custody-domains.ts'
import {
  byteString,
  choice,
  fixedBytes,
  flag,
  list,
  message,
  nullable,
  row,
  text,
  uint,
} from './schema.ts'
import { sessionBytes } from './signing-statement.ts'

/** Most signers of a group: their packages together fit into one frame. */
export const participantsMax = 32
/** Most bytes of the record of a group. */
export const groupBytesMax: number = 8 * 1024
const proposalBytesMax = 56 * 1024

/** One signer: an identity on a machine. Its place in the list, from 1 on, is its index. */
export interface Participant {
  /** Ed25519 identity key, 32 bytes. */
  readonly identity: Uint8Array
  /** Platform instance, 32 bytes: no two signers of a group share one. */
  readonly instance: Uint8Array
}

/** What a group may do and how many it takes. */
export interface GroupTerms {
  /** Network id, 32 bytes. */
  readonly network: Uint8Array
  readonly suite: FrostSuite
  readonly epoch: number
  /** How many sign together, from 2 on. */
  readonly threshold: number
  /** How many signers may be copied or set back in memory without two messages being signed under one lock. */
  readonly clonesMax: number
  /** Whether every request names a lock, which one message alone can ever take. Never changes for a key. */
  readonly locks: boolean
}

/** A group that exists. */
export interface SigningGroup extends GroupTerms {
  readonly publicKey: Uint8Array
  readonly participants: readonly Participant[]
  /** Of each participant in order. */
  readonly verificationShares: readonly Uint8Array[]
}

const terms = {
  network: [1, fixedBytes(32)],
  suite: [2, choice(frostSuites)],
  epoch: [3, uint()],
  threshold: [4, uint(participantsMax)],
  clonesMax: [5, uint(participantsMax)],
  locks: [6, flag],
} as const

const point = byteString(32, pointBytesMax)

export const groupCodec = message<SigningGroup>(
  'signing-group',
  1,
  {
    ...terms,
    publicKey: [7, point],
    participants: [
      8,
      list(
        row<Participant>({ identity: fixedBytes(32), instance: fixedBytes(32) }),
        participantsMax,
      ),
    ],
    verificationShares: [9, list(point, participantsMax)],
  },
  { bytesMax: groupBytesMax, itemsMax: 256 },
)

/** Names a group: 32 bytes. */
export function groupId(group: SigningGroup): Uint8Array {
  return sha256(framed(custodyDomains.signingGroup, groupCodec.encode(group)))
}

/** A participant that is to be, with the attested KEM key that its share is sealed to. */
export interface InvitedParticipant extends Participant {
  /** X-Wing public key, 1216 bytes. */
  readonly kemKey: Uint8Array
}

/** The group whose key is handed on, and who of it deals: indices in rising order. */
export interface Predecessor {
  /** Encoded by `groupCodec`. */
  readonly group: Uint8Array
  readonly dealers: readonly number[]
}

/** What a ceremony is to make. Its hash is what all statements of the ceremony are about. */
export interface Proposal extends GroupTerms {
  /** Drawn by who proposes: two ceremonies for one group are two. */
  readonly session: Uint8Array
  readonly participants: readonly InvitedParticipant[]
  /** `null` for a new key. */
  readonly predecessor: Predecessor | null
  /** What the key is for, printable: shown to people, and never judged. */
  readonly purpose: string
}

export const proposalCodec = message<Proposal>(
  'signing-proposal',
  1,
  {
    ...terms,
    session: [7, fixedBytes(sessionBytes)],
    participants: [
      8,
      list(
        row<InvitedParticipant>({
          identity: fixedBytes(32),
          instance: fixedBytes(32),
          kemKey: fixedBytes(kemBytes.publicKey),
        }),
        participantsMax,
      ),
    ],
    predecessor: [
      9,
      nullable(
        row<Predecessor>({
          group: byteString(1, groupBytesMax),
          dealers: list(uint(participantsMax), participantsMax),
        }),
      ),
    ],
    purpose: [10, text(64)],
  },
  { bytesMax: proposalBytesMax, itemsMax: 256 },
)

/** Names a ceremony: 32 bytes. */
export function proposalId(proposal: Proposal): Uint8Array {
  return sha256(framed(custodyDomains.signingProposal, proposalCodec.encode(proposal)))
}
