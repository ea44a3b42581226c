/**
 * The certificates that a host hands its guest beside a report (GHCB specification 56421, SNP Extended Guest Request; Linux gives them
 * as `auxblob` of configfs-tsm): entries of GUID, offset and length, a zero entry, then the documents.
 */
import { toHex } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'

/** What a document of the table is for. */
export type TableSlot = 'ark' | 'ask' | 'vcek' | 'vlek' | 'crl'

export interface TableDocument {
  readonly slot: TableSlot
  /** A view of the input. */
  readonly bytes: Uint8Array
}

/** The authority of a VLEK stands in the slot of the ASK. */
const slots: ReadonlyMap<string, TableSlot> = new Map([
  ['c0b406a4a803495297433fb6014cd0ae', 'ark'],
  ['4ab7b379bbac4fe4a02f05aef327c782', 'ask'],
  ['63da758de6644564adc5f4b93be8accd', 'vcek'],
  ['a8074bc2a25a483eaae639c045a0b8a1', 'vlek'],
  ['92f81bc358114d3d97ffd19f88dc67ea', 'crl'],
])

const entryBytes = 24
const entriesMax = 16

const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_CERTIFICATE_TABLE', `expected ${expected} in the certificate table`)

interface Entry {
  readonly guid: string
  readonly offset: number
  readonly length: number
}

/**
 * The documents of a table that takes all of `bytes`: no GUID that is not above, each once, documents that do not overlap, between them nothing but
 * zeros, nothing behind the last.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE_TABLE`.
 */
export function parseCertificateTable(bytes: Uint8Array): TableDocument[] {
  const entries = entriesOf(bytes)
  if (new Set(entries.map(({ guid }) => guid)).size < entries.length) throw bad('each GUID once')
  let end = (entries.length + 1) * entryBytes
  for (const { offset, length } of entries.toSorted((a, b) => a.offset - b.offset)) {
    const padding = bytes.subarray(end, offset)
    if (offset < end || length === 0) throw bad('documents one after the other')
    if (padding.some(byte => byte !== 0)) throw bad('nothing between documents')
    end = offset + length
  }
  if (end !== bytes.length) throw bad('documents up to the end')
  return entries.map(({ guid, offset, length }) => {
    const slot = slots.get(guid)
    // Nobody signs a table, so whoever makes evidence of it drops what its host has added for itself.
    if (slot === undefined) throw bad('GUIDs of the specification')
    return { slot, bytes: bytes.subarray(offset, offset + length) }
  })
}

function entriesOf(bytes: Uint8Array): Entry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries: Entry[] = []
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    const guid = toHex(bytes.subarray(at, at + 16))
    const [offset, length] = [view.getUint32(at + 16, true), view.getUint32(at + 20, true)]
    if (/^0+$/.test(guid)) {
      if (offset !== 0 || length !== 0) throw bad('a zero entry at the end')
      return entries
    }
    if (entries.push({ guid, offset, length }) > entriesMax) throw bad('less entries')
  }
  throw bad('a zero entry at the end')
}
