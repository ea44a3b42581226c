/**
 * Bytes in the outer shape of a quote or report, signed by nobody: what an attester handles without believing. Offsets are those
 * of the vendors' documents, written down a second time on purpose.
 */
import { concatBytes } from '../../src/base/bytes.ts'

export type BareKind = 'sgx-v3' | 'tdx-v4' | 'tdx-v5-1.0' | 'tdx-v5-1.5' | 'sev-snp'

/** Where REPORT_DATA stands in the whole. */
export const reportDataAt: Readonly<Record<BareKind, number>> = {
  'sgx-v3': 368,
  'tdx-v4': 568,
  'tdx-v5-1.0': 574,
  'tdx-v5-1.5': 574,
  'sev-snp': 80,
}

/** Where the length of the signature stands; a report of SEV-SNP has none. */
export const signatureLengthAt: Readonly<Record<Exclude<BareKind, 'sev-snp'>, number>> = {
  'sgx-v3': 432,
  'tdx-v4': 632,
  'tdx-v5-1.0': 638,
  'tdx-v5-1.5': 702,
}

/** A quote with `signatureBytes` of signature data behind its body. */
export function bareQuote(
  kind: BareKind,
  reportData: Uint8Array,
  signatureBytes = 300,
): Uint8Array<ArrayBuffer> {
  if (kind === 'sev-snp') return placed(new Uint8Array(1184).fill(0xaa), kind, reportData)
  const at = signatureLengthAt[kind]
  const quote = new Uint8Array(at + 4 + signatureBytes).fill(0xaa)
  const view = new DataView(quote.buffer)
  view.setUint16(0, kind === 'sgx-v3' ? 3 : kind === 'tdx-v4' ? 4 : 5, true)
  view.setUint32(4, kind === 'sgx-v3' ? 0 : 0x81, true)
  if (kind.startsWith('tdx-v5')) {
    view.setUint16(48, kind === 'tdx-v5-1.0' ? 2 : 3, true)
    view.setUint32(50, kind === 'tdx-v5-1.0' ? 584 : 648, true)
  }
  view.setUint32(at, signatureBytes, true)
  return placed(quote, kind, reportData)
}

function placed(
  quote: Uint8Array<ArrayBuffer>,
  kind: BareKind,
  reportData: Uint8Array,
): Uint8Array<ArrayBuffer> {
  quote.set(reportData, reportDataAt[kind])
  return quote
}

/** Slots of a table of certificates (AMD GHCB 56421). */
export const tableGuids = {
  ark: 'c0b406a4a803495297433fb6014cd0ae',
  ask: '4ab7b379bbac4fe4a02f05aef327c782',
  vcek: '63da758de6644564adc5f4b93be8accd',
  crl: '92f81bc358114d3d97ffd19f88dc67ea',
  own: '11111111111111111111111111111111',
} as const

export type TableEntry = readonly [slot: keyof typeof tableGuids, document: Uint8Array]

/** A table of certificates as hosts hand it to an SEV-SNP guest, filled up to a page of 4096 bytes. */
export function certificateTableOf(entries: readonly TableEntry[]): Uint8Array {
  const certificates = entries.map(([, document]) => document)
  const directory = new Uint8Array(24 * (certificates.length + 1))
  const view = new DataView(directory.buffer)
  let offset = directory.length
  for (const [i, certificate] of certificates.entries()) {
    directory.set(Buffer.from(tableGuids[entries[i]![0]], 'hex'), 24 * i)
    view.setUint32(24 * i + 16, offset, true)
    view.setUint32(24 * i + 20, certificate.length, true)
    offset += certificate.length
  }
  return concatBytes(directory, ...certificates, new Uint8Array(4096 - (offset % 4096)))
}
