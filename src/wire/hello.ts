/**
 * What members tell each other before anything else, and again whenever it changes.
 *
 * A hello is exchanged on connect, both ways; an announce frame is pushed to every connected member when
 * the removal set grows, a key is held that is news, or the sender becomes active. Both carry the digest of
 * the sender's removal set: whoever sees one that it does not know fetches the removals first.
 */
import { announcementRow, type SignedAnnouncement } from './epoch-key.ts'
import { limits } from './limits.ts'
import { removalsPerMessage } from './removal.ts'
import { byteString, choice, fixedBytes, list, message, row, uint } from './schema.ts'

/** What a node says it is. From `joining` to `active` only: a restart is another node. */
export const memberPhases = ['joining', 'active'] as const
export type MemberPhase = (typeof memberPhases)[number]

/** Most announcements in one message: 16 keys of each of three kinds. */
export const announcementsMax = 48

export interface Hello {
  readonly phase: MemberPhase
  readonly manifest: { readonly nonce: number; readonly hash: Uint8Array }
  /** Digest of the sender's removal set, 32 bytes. */
  readonly removalDigest: Uint8Array
  /** Signature of possession over the keys and evidence of the handshake, so that neighbours can serve the sender's record. */
  readonly possession: Uint8Array
  /** The keys that the sender holds and would seal under. */
  readonly announcements: readonly SignedAnnouncement[]
}

export const helloCodec = message<Hello>(
  'hello',
  1,
  {
    phase: [1, choice(memberPhases)],
    manifest: [2, row<Hello['manifest']>({ nonce: uint(), hash: fixedBytes(32) })],
    removalDigest: [3, fixedBytes(32)],
    possession: [4, fixedBytes(64)],
    announcements: [5, list(announcementRow, announcementsMax)],
  },
  { bytesMax: 16 * 1024, itemsMax: 512 },
)

export interface Announce {
  readonly phase: MemberPhase
  readonly removalDigest: Uint8Array
  readonly announcements: readonly SignedAnnouncement[]
  /** Removal items that are news, so that they need no round trip. */
  readonly removals: readonly Uint8Array[]
}

export const announceCodec = message<Announce>(
  'announce',
  1,
  {
    phase: [1, choice(memberPhases)],
    removalDigest: [2, fixedBytes(32)],
    announcements: [3, list(announcementRow, announcementsMax)],
    removals: [4, list(byteString(1, limits.removalItemBytesMax), removalsPerMessage)],
  },
  { bytesMax: limits.frameBytesMax, itemsMax: 1024 },
)
