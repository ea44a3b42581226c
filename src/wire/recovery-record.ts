/**
 * What it takes to open the pages of one disk cache again when nobody lives any more who holds their keys: sealed to the quorum, beside
 * the pages, and of no use without the quorum seed.
 *
 * It names every page by its digest. So a host can take all of it away or put all of an older one back, and mix nothing.
 */
import { concatBytes, equalBytes, uint64Bytes } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'
import { sha256 } from '../crypto/hash.ts'
import { announcementRow, epochKeyBytes, type SignedAnnouncement } from './epoch-key.ts'
import { limits } from './limits.ts'
import { byteString, fixedBytes, list, message, nullable, row, uint } from './schema.ts'

/** A commit key with the word of its creator, which is no member any more. */
export interface KeptKey {
  readonly announcement: SignedAnnouncement
  /** 32 bytes. Secret: wiped by whoever holds the record as soon as it is of no more use. */
  readonly key: Uint8Array
}

export interface RecoveryRecord {
  readonly network: Uint8Array
  /** Hash of the manifest that was in force, 32 bytes, and its nonce. */
  readonly manifest: Uint8Array
  readonly nonce: number
  /** Group clock in milliseconds when the pages held all that the node held. */
  readonly cut: number
  /** State root at the cut, 32 bytes; `null` if it was not known just then. */
  readonly root: Uint8Array | null
  /** Keys that held something at the cut; at least so many if the root was not known. */
  readonly entries: number
  /** The pages are sealed under it, 32 bytes. Secret. */
  readonly storageKey: Uint8Array
  /** Number u64 and SHA-256 of each page, joined, in rising order. */
  readonly pages: Uint8Array
  /** All that entries name. */
  readonly commitKeys: readonly KeptKey[]
  /** Items of the removal set, each proving itself: certificates first, as far as there is room. */
  readonly removals: readonly Uint8Array[]
  /** How many found no room. */
  readonly removalsLeftOut: number
}

/** Pages of a cache that can be recovered: 2.7 GiB in full ones. */
export const recoveryPagesMax = 16_384
const pageRowBytes = 8 + 32
/** Commit keys that entries may name: a few lives of them. */
export const recoveryKeysMax = 256
/** Removal items that travel along: as many certificates as a set takes, and room for the rest; and their bytes together. */
const removalsMax = 4_352
const removalBytesMax = 6 * 1024 * 1024

/** The longest record, in bytes. */
export const recoveryRecordBytesMax = 8 * 1024 * 1024

export const recoveryRecordCodec = message<RecoveryRecord>(
  'recovery-record',
  1,
  {
    network: [1, fixedBytes(32)],
    manifest: [2, fixedBytes(32)],
    cut: [3, uint()],
    root: [4, nullable(fixedBytes(32))],
    entries: [5, uint()],
    storageKey: [6, fixedBytes(epochKeyBytes)],
    pages: [7, byteString(0, recoveryPagesMax * pageRowBytes)],
    commitKeys: [
      8,
      list(
        row<KeptKey>({ announcement: announcementRow, key: fixedBytes(epochKeyBytes) }),
        recoveryKeysMax,
      ),
    ],
    removals: [9, list(byteString(1, limits.removalItemBytesMax), removalsMax)],
    nonce: [10, uint()],
    removalsLeftOut: [11, uint()],
  },
  { bytesMax: recoveryRecordBytesMax, itemsMax: 8192 },
)

/** A page as a record names it. */
export interface NamedPage {
  readonly number: number
  /** SHA-256 of the sealed page, 32 bytes. */
  readonly digest: Uint8Array
}

export const pageDigest = (sealed: Uint8Array): Uint8Array => sha256(sealed)

/** Pages as they stand in a record. At most `recoveryPagesMax`. */
export function encodeNamedPages(pages: readonly NamedPage[]): Uint8Array {
  return concatBytes(...pages.flatMap(({ number, digest }) => [uint64Bytes(number), digest]))
}

/** The digests in a record by the numbers of their pages. @throws {PeerFault} `BAD_FIELD`. */
export function decodeNamedPages(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  if (bytes.length % pageRowBytes !== 0) throw new PeerFault('BAD_FIELD', 'expected rows of pages')
  const pages = new Map<number, Uint8Array>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let last = 0
  for (let at = 0; at < bytes.length; at += pageRowBytes) {
    const number = Number(view.getBigUint64(at))
    if (!Number.isSafeInteger(number) || number <= last) {
      throw new PeerFault('BAD_FIELD', 'expected rising numbers of pages')
    }
    last = number
    pages.set(number, bytes.slice(at + 8, at + pageRowBytes))
  }
  return pages
}

/** Whether this is the page that a record names. */
export function isNamedPage(
  pages: ReadonlyMap<number, Uint8Array>,
  { number, bytes }: { readonly number: number; readonly bytes: Uint8Array },
): boolean {
  const digest = pages.get(number)
  return digest !== undefined && equalBytes(digest, pageDigest(bytes))
}

/** As many removal items, from the first on, as a record has room for. */
export function removalsThatFit(items: readonly Uint8Array[]): readonly Uint8Array[] {
  let bytes = 0
  const end = items.findIndex((item, i) => {
    bytes += item.length
    return i >= removalsMax || bytes > removalBytesMax
  })
  return end < 0 ? items : items.slice(0, end)
}
