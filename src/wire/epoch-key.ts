/**
 * Epoch keys on the wire: how one is named, announced, asked for and handed over.
 *
 * An announcement says that a key exists and under which removal set it was made; it holds nothing secret.
 * The key itself travels only in a grant: on an attested stream and encrypted once more to the receiver's
 * attested KEM key, so that neither the handshake nor the KEM alone protects it.
 */
import { utf8 } from '../base/bytes.ts'
import { bytesOfDigest, type Digest, digestOf, type NetworkId } from '../base/ids.ts'
import type { Secret } from '../base/secret.ts'
import { type Duration, days, hours } from '../base/time.ts'
import { tagBytes } from '../crypto/aead.ts'
import { framed, sha256 } from '../crypto/hash.ts'
import { kemBytes } from '../crypto/kem-bytes.ts'
import { domains } from './domains.ts'
import { byteString, choice, fixedBytes, message, nullable, row, uint } from './schema.ts'

/** What a key is for: gossip and streams, the disk, salts of the private trie. Append only. */
export const epochKeyKinds = ['traffic', 'storage', 'commit'] as const
export type EpochKeyKind = (typeof epochKeyKinds)[number]

/** Length of every epoch key, in bytes: AES-256 and HMAC-SHA-256. */
export const epochKeyBytes = 32

/**
 * How long a key lives from its making to its wiping; `null` has no end. New things are sealed for the
 * first half (one rotation), opened for the whole (two).
 *
 * `traffic`: within the 12 h that the replica's prune floor of 24 h allows, and short, because whoever
 * breaks into a memory reads back this far. `storage`: a cache older than a month is worth less than a
 * sync. `commit`: a leaf is never salted anew, so its key stays as long as an entry names it.
 */
export const epochKeyLife: Readonly<Record<EpochKeyKind, Duration | null>> = {
  traffic: hours(4),
  storage: days(30),
  commit: null,
}

/** What the creator of a key says about it. */
export interface KeyAnnouncement {
  readonly kind: EpochKeyKind
  /** 32 bytes: `epochKeyId`. */
  readonly id: Uint8Array
  /** Ed25519 identity of the creator, 32 bytes. */
  readonly creator: Uint8Array
  /** The creator's removal set when it made the key, 32 bytes. */
  readonly removalDigest: Uint8Array
  /** Milliseconds from making to wiping; `null` without end. */
  readonly life: number | null
}

/** An announcement with the creator's Ed25519 signature over `announcementMessage`, 64 bytes. */
export interface SignedAnnouncement extends KeyAnnouncement {
  readonly signature: Uint8Array
}

/** As a row inside other messages. */
export const announcementRow = row<SignedAnnouncement>({
  kind: choice(epochKeyKinds),
  id: fixedBytes(32),
  creator: fixedBytes(32),
  removalDigest: fixedBytes(32),
  life: nullable(uint()),
  signature: fixedBytes(64),
})

/** Names a key without telling it: SHA-256 over domain, kind and key. */
export function epochKeyId(kind: EpochKeyKind, key: Secret): Digest {
  return key.use(bytes => digestOf(sha256(framed(domains.epochKeyId, utf8(kind), bytes))))
}

/** The bytes that a creator signs. */
export function announcementMessage(network: NetworkId, announced: KeyAnnouncement): Uint8Array {
  return framed(
    domains.epochKeyAnnouncement,
    bytesOfDigest(network),
    utf8(announced.kind),
    announced.id,
    announced.creator,
    announced.removalDigest,
    utf8(announced.life === null ? 'endless' : String(announced.life)),
  )
}

/** Asks the member at the other end for one key. */
export interface KeyRequest {
  readonly id: Uint8Array
  /** 16 fresh random bytes: the grant is bound to them, so an old one cannot be played again. */
  readonly nonce: Uint8Array
  /** The asker's removal set: a key goes only to a member that knows the same removals. */
  readonly removalDigest: Uint8Array
}

export const keyRequestCodec = message<KeyRequest>(
  'key-request',
  1,
  { id: [1, fixedBytes(32)], nonce: [2, fixedBytes(16)], removalDigest: [3, fixedBytes(32)] },
  { bytesMax: 256, itemsMax: 16 },
)

/** Hands one key over. */
export interface KeyGrant {
  readonly announcement: SignedAnnouncement
  /** The server's removal set at this moment; the asker discards a grant made under one that it does not know. */
  readonly removalDigest: Uint8Array
  /** Milliseconds that the key still lives at the server; `null` without end. Never more than announced. */
  readonly lifeLeft: number | null
  /** X-Wing ciphertext to the asker's attested KEM key. */
  readonly encapsulation: Uint8Array
  /** AES-256-GCM of the key under the derived wrapping key. */
  readonly sealedKey: Uint8Array
}

export const keyGrantCodec = message<KeyGrant>(
  'key-grant',
  1,
  {
    announcement: [1, announcementRow],
    removalDigest: [2, fixedBytes(32)],
    lifeLeft: [3, nullable(uint())],
    encapsulation: [4, fixedBytes(kemBytes.ciphertext)],
    sealedKey: [5, byteString(epochKeyBytes + tagBytes, epochKeyBytes + tagBytes)],
  },
  { bytesMax: 2048, itemsMax: 64 },
)
