/**
 * The table of certificates that a host hands an SEV-SNP guest beside its report (AMD GHCB 56421, SNP Extended Guest Request). Nobody
 * signs it, so hosts put into it what they like; verifiers read it strictly, and take only what this program has put in order.
 */
import { concatBytes, fromHex, toHex } from '../../base/bytes.ts'

/** An entry: GUID 16 bytes, offset and length of a document, each 4 bytes, little-endian. */
const entryBytes = 24
/** What any host has reason to hand out, and as much again. */
const entriesMax = 16

/**
 * The authority of the key and the key, VCEK or VLEK. The root is pinned and never read from evidence, and a list of revoked
 * certificates would age while the evidence does not: neither is carried to every peer.
 */
const carried: ReadonlySet<string> = new Set([
  '4ab7b379bbac4fe4a02f05aef327c782',
  '63da758de6644564adc5f4b93be8accd',
  'a8074bc2a25a483eaae639c045a0b8a1',
])

interface Entry {
  readonly guid: string
  readonly document: Uint8Array
}

/**
 * A table with what verifiers have use for, one document after the other, or no bytes at all if there is nothing or what was given is
 * no table. The documents are not looked at: whoever appraises the report judges them.
 */
export function cleanTable(given: Uint8Array): Uint8Array {
  const entries = entriesOf(given) ?? []
  const kept = entries.filter(
    ({ guid, document }, i) =>
      carried.has(guid) &&
      document.length > 0 &&
      entries.findIndex(other => other.guid === guid) === i,
  )
  return kept.length === 0 ? new Uint8Array() : tableOf(kept)
}

/** `undefined` for bytes without an end of entries, or with a document outside of them. */
function entriesOf(given: Uint8Array): readonly Entry[] | undefined {
  const view = new DataView(given.buffer, given.byteOffset, given.length)
  const entries: Entry[] = []
  for (let at = 0; at + entryBytes <= given.length; at += entryBytes) {
    const guid = toHex(given.subarray(at, at + 16))
    if (/^0+$/.test(guid)) return entries
    const [offset, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    if (offset + length > given.length || entries.length === entriesMax) return undefined
    entries.push({ guid, document: given.subarray(offset, offset + length) })
  }
  return undefined
}

function tableOf(entries: readonly Entry[]): Uint8Array {
  const head = new Uint8Array(entryBytes * (entries.length + 1))
  const view = new DataView(head.buffer)
  let offset = head.length
  for (const [i, { guid, document }] of entries.entries()) {
    head.set(fromHex(guid) ?? [], entryBytes * i)
    view.setUint32(entryBytes * i + 16, offset, true)
    view.setUint32(entryBytes * i + 20, document.length, true)
    offset += document.length
  }
  return concatBytes(head, ...entries.map(({ document }) => document))
}
