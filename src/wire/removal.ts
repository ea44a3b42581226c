/**
 * Removals: items that prove by themselves that somebody must not be a member any more.
 *
 * An item is a proof; what it proves is its claim (scope and subject). Sets of removals are compared by
 * claims, never by proofs: two certificates over one subject with other signers, or ever new pairs of
 * contradicting beats of one author, prove the same thing and must not move anybody's digest.
 */
import { utf8 } from '../base/bytes.ts'
import { PeerFault, unreachable } from '../base/errors.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { domains } from './domains.ts'
import {
  type DoubleCheckpoint,
  doubleCheckpointCodec,
  isDoubleCheckpoint,
} from './double-checkpoint.ts'
import { type FalseResult, falseResultCodec, isFalseResult } from './false-result.ts'
import { limits } from './limits.ts'
import { type MemberRecord, memberRecordRow } from './member-record.ts'
import {
  byteString,
  choice,
  type Extended,
  fixedBytes,
  flag,
  list,
  message,
  nullable,
  row,
} from './schema.ts'

/**
 * What a removal takes out: one identity (its key, 32 bytes), every identity on a platform instance (its
 * digest, 32 bytes), all that runs a measurement (its name in the manifest, UTF-8), or firmware below a
 * floor (for a later version: refused today). Append only.
 */
export const removalScopes = ['identity', 'instance', 'measurement', 'floor'] as const
export type RemovalScope = (typeof removalScopes)[number]

/** What a removal item proves. */
export interface RemovalClaim {
  readonly scope: RemovalScope
  readonly subject: Uint8Array
}

/** Signed by enough of the manifest set. */
export interface RemovalCertificate extends RemovalClaim {
  readonly kind: 'certificate'
  readonly network: Uint8Array
  /** Rising by signer, so that none counts twice. */
  readonly signatures: readonly RemovalSignature[]
}

export interface RemovalSignature {
  /** Ed25519 key of a member of the manifest set, 32 bytes. */
  readonly signer: Uint8Array
  /** Over `removalMessage`, 64 bytes. */
  readonly signature: Uint8Array
}

/**
 * Two signed heartbeats of one author with one sequence number and different content, and what says that this author
 * ever ran on a machine: anybody can make up a key that contradicts itself.
 */
export interface DoubleBeat {
  readonly kind: 'double-beat'
  readonly network: Uint8Array
  /** Signed bodies as `wire/envelope.ts` encodes them; the smaller bytes first. */
  readonly first: Uint8Array
  readonly second: Uint8Array
  /** The author's; its evidence has at most `limits.removalEvidenceBytesMax` bytes. */
  readonly record: MemberRecord
}

export type RemovalItem = RemovalCertificate | DoubleBeat | FalseResult | DoubleCheckpoint

/** Most removal items in one message. */
export const removalsPerMessage = 16
/** Most bytes of them together, which leaves room in a frame of 256 KiB. What does not fit is fetched. */
const removalBytesPerMessage = 192 * 1024
/** Most signatures on one certificate: twice the largest manifest set that is in sight. */
export const removalSignaturesMax = 64
/** Longest subject: a measurement's name. */
export const removalSubjectBytesMax = 128

/** Most bytes of one signed beat inside an item: a heartbeat and its header. */
const signedBeatBytesMax = limits.heartbeatBytesMax + 512

interface RemovalMessage {
  readonly network: Uint8Array
  readonly certificate: Omit<RemovalCertificate, 'kind' | 'network'> | null
  readonly doubleBeat: Omit<DoubleBeat, 'kind' | 'network'> | null
}

const removalCodec = message<RemovalMessage>(
  'removal',
  1,
  {
    network: [1, fixedBytes(32)],
    certificate: [
      2,
      nullable(
        row<NonNullable<RemovalMessage['certificate']>>({
          scope: choice(removalScopes),
          subject: byteString(1, removalSubjectBytesMax),
          signatures: list(
            row<RemovalSignature>({ signer: fixedBytes(32), signature: fixedBytes(64) }),
            removalSignaturesMax,
          ),
        }),
      ),
    ],
    doubleBeat: [
      3,
      nullable(
        row<NonNullable<RemovalMessage['doubleBeat']>>({
          first: byteString(1, signedBeatBytesMax),
          second: byteString(1, signedBeatBytesMax),
          record: memberRecordRow,
        }),
      ),
    ],
  },
  { bytesMax: limits.removalItemBytesMax, itemsMax: 256 },
)

/** Canonical bytes of an item. */
export function encodeRemoval(item: RemovalItem & Extended): Uint8Array {
  const { network, extensions } = item
  const kept = extensions === undefined ? {} : { extensions }
  switch (item.kind) {
    case 'certificate': {
      const { scope, subject, signatures } = item
      const certificate = { scope, subject, signatures }
      return removalCodec.encode({ network, certificate, doubleBeat: null, ...kept })
    }
    case 'double-beat': {
      const { first, second, record } = item
      const doubleBeat = { first, second, record }
      return removalCodec.encode({ network, certificate: null, doubleBeat, ...kept })
    }
    case 'false-result':
      return falseResultCodec.encode(item)
    case 'double-checkpoint':
      return doubleCheckpointCodec.encode(item)
    default:
      return unreachable(item)
  }
}

/** What an item says, not yet whether it proves it. @throws {PeerFault} `CBOR_…`, `BAD_MESSAGE`, `BAD_FIELD`. */
export function decodeRemoval(bytes: Uint8Array): RemovalItem & Extended {
  if (isFalseResult(bytes)) return { kind: 'false-result', ...falseResultCodec.decode(bytes) }
  if (isDoubleCheckpoint(bytes)) {
    return { kind: 'double-checkpoint', ...doubleCheckpointCodec.decode(bytes) }
  }
  const { certificate, doubleBeat, ...rest } = removalCodec.decode(bytes)
  if (certificate !== null && doubleBeat === null) {
    return { kind: 'certificate', ...rest, ...certificate }
  }
  if (doubleBeat !== null && certificate === null) {
    if (doubleBeat.record.evidence.body.length > limits.removalEvidenceBytesMax) {
      throw new PeerFault('BAD_FIELD', 'removal: the evidence is too large')
    }
    return { kind: 'double-beat', ...rest, ...doubleBeat }
  }
  throw new PeerFault('BAD_MESSAGE', 'removal: exactly one kind of proof')
}

/** The bytes that a member of the manifest set signs to remove. */
export function removalMessage(network: NetworkId, claim: RemovalClaim): Uint8Array {
  return framed(domains.removal, bytesOfDigest(network), utf8(claim.scope), claim.subject)
}

/** Names a claim: the hash of what the manifest set would sign for it. */
export function removalClaimId(network: NetworkId, claim: RemovalClaim): Digest {
  return digestOf(sha256(removalMessage(network, claim)))
}

/** Names what contradicting beats prove: this identity is out, and it ran on this instance. */
export function doubleBeatClaimId(
  network: NetworkId,
  identity: Uint8Array,
  instance: Digest,
): Digest {
  const parts = [bytesOfDigest(network), identity, bytesOfDigest(instance)]
  return digestOf(sha256(framed(domains.doubleBeat, ...parts)))
}

/** Names what too many of them on one instance prove together: the machine is broken. */
export function brokenInstanceClaimId(network: NetworkId, instance: Digest): Digest {
  const parts = [bytesOfDigest(network), bytesOfDigest(instance)]
  return digestOf(sha256(framed(domains.brokenInstance, ...parts)))
}

/** As many items, from the first on, as one message holds: at least one if there is one. */
export function removalsThatFit(items: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0
  const end = items.findIndex(item => {
    bytes += item.length
    return bytes > removalBytesPerMessage
  })
  return items.slice(0, Math.min(end === -1 ? items.length : end, removalsPerMessage))
}

/**
 * Asks for removals in two steps, so that the bytes follow the difference and not the history: `ids` empty
 * lists the claims after `after` (`null` from the first), else the items of these claims are sent.
 */
export interface RemovalsRequest {
  readonly after: Uint8Array | null
  readonly ids: readonly Uint8Array[]
}

/** Most claim ids in one list: 64 KiB. */
export const removalIdsPerPage = 2048

export const removalsRequestCodec = message<RemovalsRequest>(
  'removals-request',
  1,
  { after: [1, nullable(fixedBytes(32))], ids: [2, list(fixedBytes(32), removalsPerMessage)] },
  { bytesMax: 1024, itemsMax: 64 },
)

export interface RemovalsAnswer {
  /** The answerer's digest at this moment. */
  readonly digest: Uint8Array
  /** Claim ids in byte order; of a list only. */
  readonly ids: readonly Uint8Array[]
  /** Whether more ids follow after the last. */
  readonly hasMore: boolean
  readonly items: readonly Uint8Array[]
}

export const removalsAnswerCodec = message<RemovalsAnswer>(
  'removals-answer',
  1,
  {
    digest: [1, fixedBytes(32)],
    ids: [2, list(fixedBytes(32), removalIdsPerPage)],
    hasMore: [3, flag],
    items: [4, list(byteString(1, limits.removalItemBytesMax), removalsPerMessage)],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 4096 },
)
