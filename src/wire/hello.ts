/**
 * What members tell each other before anything else, and again whenever it changes.
 *
 * A hello is exchanged on connect, both ways; an announce frame is pushed to every connected member when
 * the removal set grows, a key is held that is news, another manifest is in force, or the sender becomes
 * active or has newer key evidence. Both carry the digest of the sender's removal set and the mark of its manifest: whoever sees one that
 * it does not know fetches the removals, or the manifest, first.
 */
import { announcementRow, type SignedAnnouncement } from './epoch-key.ts'
import { limits } from './limits.ts'
import { type ManifestMarkOnWire, manifestMark } from './manifest-pull.ts'
import { removalsPerMessage } from './removal.ts'
import { byteString, choice, fixedBytes, list, message, nullable } from './schema.ts'

/** What a node says it is. From `joining` to `active` only: a restart is another node. */
export const memberPhases = ['joining', 'active'] as const
export type MemberPhase = (typeof memberPhases)[number]

/** Most announcements in one message: 16 keys of each of three kinds. */
export const announcementsMax = 48

export interface Hello {
  readonly phase: MemberPhase
  readonly manifest: ManifestMarkOnWire
  /** Digest of the sender's removal set, 32 bytes. */
  readonly removalDigest: Uint8Array
  /** Signature of possession over the sender's keys and newest evidence, so that neighbours can serve its record. */
  readonly possession: Uint8Array
  /** The keys that the sender holds and would seal under. */
  readonly announcements: readonly SignedAnnouncement[]
  /** Digest of the sender's newest key evidence, 32 bytes: whoever holds other evidence asks for its record. */
  readonly evidence: Uint8Array
}

export const helloCodec = message<Hello>(
  'hello',
  1,
  {
    phase: [1, choice(memberPhases)],
    manifest: [2, manifestMark],
    removalDigest: [3, fixedBytes(32)],
    possession: [4, fixedBytes(64)],
    announcements: [5, list(announcementRow, announcementsMax)],
    evidence: [6, fixedBytes(32)],
  },
  { bytesMax: 16 * 1024, itemsMax: 512 },
)

export interface Announce {
  readonly phase: MemberPhase
  readonly removalDigest: Uint8Array
  readonly announcements: readonly SignedAnnouncement[]
  /** Removal items that are news, so that they need no round trip. */
  readonly removals: readonly Uint8Array[]
  readonly manifest: ManifestMarkOnWire
  /** Another manifest of the same nonce that the manifest set approved too: the sender can prove it. */
  readonly rival: ManifestMarkOnWire | null
  /** As in a hello. */
  readonly evidence: Uint8Array
}

export const announceCodec = message<Announce>(
  'announce',
  1,
  {
    phase: [1, choice(memberPhases)],
    removalDigest: [2, fixedBytes(32)],
    announcements: [3, list(announcementRow, announcementsMax)],
    removals: [4, list(byteString(1, limits.removalItemBytesMax), removalsPerMessage)],
    manifest: [5, manifestMark],
    rival: [6, nullable(manifestMark)],
    evidence: [7, fixedBytes(32)],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 1024 },
)
