/**
 * Quotes of Intel DCAP, byte for byte: version 3 (SGX; Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4), versions 4
 * and 5 (TDX; Intel TDX DCAP Quoting Library API, appendices A.3 and A.4). Numbers are little-endian, keys and signatures
 * big-endian.
 */
import { PeerFault } from '../../base/errors.ts'

/** What stands before everything else; it says how the rest is to be read. */
export interface QuoteHeader {
  readonly version: number
  readonly keyType: number
  readonly teeType: number
  /** Who made the quoting enclave, 16 bytes. */
  readonly vendor: Uint8Array
}

/** REPORT body of an enclave: of the one that is attested, or of the quoting enclave. */
export interface EnclaveReport {
  readonly bytes: Uint8Array
  readonly cpuSvn: Uint8Array
  readonly miscSelect: Uint8Array
  readonly attributes: Uint8Array
  readonly mrEnclave: Uint8Array
  readonly mrSigner: Uint8Array
  readonly productId: number
  readonly svn: number
  readonly reportData: Uint8Array
}

/** Report of a trust domain, versions 1.0 and 1.5. */
export interface TdReport {
  readonly tcbSvn: Uint8Array
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly seamAttributes: Uint8Array
  readonly attributes: Uint8Array
  readonly xfam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly rtmrs: readonly Uint8Array[]
  readonly reportData: Uint8Array
  /** What version 1.5 adds: the TCB of the module that is loaded now, and the service TD that is bound to this one. */
  readonly later: { readonly tcbSvn: Uint8Array; readonly mrServiceTd: Uint8Array } | undefined
}

export type QuoteBody =
  | { readonly kind: 'enclave'; readonly report: EnclaveReport }
  | { readonly kind: 'td'; readonly report: TdReport }

/** A parsed quote; nothing in it is believed yet. Byte strings are views of the input. */
export interface Quote {
  readonly header: QuoteHeader
  readonly body: QuoteBody
  /** Header and body: what the attestation key signed. */
  readonly signed: Uint8Array
  /** r and s. */
  readonly signature: Uint8Array
  /** x and y on P-256. */
  readonly attestationKey: Uint8Array
  readonly quotingEnclave: EnclaveReport
  readonly quotingEnclaveSignature: Uint8Array
  /** Whatever the quoting enclave bound beside the attestation key. */
  readonly authentication: Uint8Array
  /** The chain of the provisioning certification key (PCK), PEM, leaf first, without the zero that ends it. */
  readonly chain: Uint8Array
  /** Bytes of the quote itself, without what follows it. */
  readonly length: number
}

/** The header has 48 bytes in every version. @throws {PeerFault} `BAD_QUOTE` for fewer. */
export function parseHeader(bytes: Uint8Array): QuoteHeader {
  const reader = new QuoteReader(bytes)
  const version = reader.number(2)
  const keyType = reader.number(2)
  const teeType = reader.number(4)
  // Security versions of the quoting enclave and of the PCE (version 3), reserved later: signed, and said again in better places.
  reader.bytes(4)
  const vendor = reader.bytes(16)
  reader.bytes(20)
  return { version, keyType, teeType, vendor }
}

/**
 * A quote of version 3, 4 or 5 of which every length adds up. Guests hand out TDX quotes in buffers that are larger, so bytes
 * after one of these are passed over; after an SGX quote there is nothing.
 *
 * @throws {PeerFault} `BAD_QUOTE`.
 */
export function parseQuote(bytes: Uint8Array): Quote {
  const header = parseHeader(bytes)
  const reader = new QuoteReader(bytes)
  reader.bytes(48)
  const body = readBody(reader, header.version)
  const signed = bytes.subarray(0, reader.offset)
  const signatureData = new QuoteReader(reader.bytes(reader.number(4)))
  const length = reader.offset
  if (body.kind === 'enclave' && length !== bytes.length) throw bad('nothing after the quote')
  const signature = signatureData.bytes(64)
  const attestationKey = signatureData.bytes(64)
  const certification = header.version === 3 ? signatureData : certificationOf(signatureData)
  const quotingEnclave = readEnclaveReport(certification.bytes(384))
  const quotingEnclaveSignature = certification.bytes(64)
  const authentication = certification.bytes(certification.number(2))
  if (certification.number(2) !== pckChainType) throw bad('the chain of the PCK')
  const chain = withoutZero(certification.bytes(certification.number(4)))
  certification.end()
  const quoted = { header, body, signed, signature, attestationKey, authentication, chain, length }
  return { ...quoted, quotingEnclave, quotingEnclaveSignature }
}

/** Whether the host may read the memory of an enclave: bit 1 of ATTRIBUTES (Intel SDM volume 3D, ATTRIBUTES of SECS). */
export const isDebug = ({ attributes }: EnclaveReport): boolean =>
  ((attributes[0] ?? 0) & 0x02) !== 0

/** Types of certification data (appendix A.4): the PCK chain as PEM, and the report of the quoting enclave around it. */
const pckChainType = 5
const enclaveReportType = 6

const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_QUOTE', `expected ${expected} in a quote`)

class QuoteReader {
  readonly #bytes: Uint8Array
  offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  bytes(count: number): Uint8Array {
    const part = this.#bytes.subarray(this.offset, this.offset + count)
    if (part.length !== count) throw bad('as many bytes as announced')
    this.offset += count
    return part
  }

  number(count: 2 | 4): number {
    return this.bytes(count).reduceRight((value, byte) => value * 0x100 + byte, 0)
  }

  end(): void {
    if (this.offset !== this.#bytes.length) throw bad('lengths that add up')
  }
}

function readBody(reader: QuoteReader, version: number): QuoteBody {
  switch (version) {
    case 3:
      return { kind: 'enclave', report: readEnclaveReport(reader.bytes(384)) }
    case 4:
      return { kind: 'td', report: readTdReport(reader.bytes(584)) }
    case 5: {
      const type = reader.number(2)
      const size = reader.number(4)
      // Type 1 is the report of an enclave; SGX has quotes of version 3.
      if (size !== (type === 2 ? 584 : type === 3 ? 648 : -1)) throw bad('a report of a TD')
      return { kind: 'td', report: readTdReport(reader.bytes(size)) }
    }
    default:
      throw bad('version 3, 4 or 5')
  }
}

function certificationOf(signatureData: QuoteReader): QuoteReader {
  if (signatureData.number(2) !== enclaveReportType) throw bad('a report of the quoting enclave')
  const certification = new QuoteReader(signatureData.bytes(signatureData.number(4)))
  signatureData.end()
  return certification
}

function readEnclaveReport(bytes: Uint8Array): EnclaveReport {
  const at = (offset: number, length: number): Uint8Array => bytes.subarray(offset, offset + length)
  return {
    bytes,
    cpuSvn: at(0, 16),
    miscSelect: at(16, 4),
    attributes: at(48, 16),
    mrEnclave: at(64, 32),
    mrSigner: at(128, 32),
    productId: new QuoteReader(at(256, 2)).number(2),
    svn: new QuoteReader(at(258, 2)).number(2),
    reportData: at(320, 64),
  }
}

function readTdReport(bytes: Uint8Array): TdReport {
  const at = (offset: number, length: number): Uint8Array => bytes.subarray(offset, offset + length)
  const isLater = bytes.length > 584
  return {
    tcbSvn: at(0, 16),
    mrSeam: at(16, 48),
    mrSignerSeam: at(64, 48),
    seamAttributes: at(112, 8),
    attributes: at(120, 8),
    xfam: at(128, 8),
    mrTd: at(136, 48),
    mrConfigId: at(184, 48),
    mrOwner: at(232, 48),
    mrOwnerConfig: at(280, 48),
    rtmrs: [328, 376, 424, 472].map(offset => at(offset, 48)),
    reportData: at(520, 64),
    later: isLater ? { tcbSvn: at(584, 16), mrServiceTd: at(600, 48) } : undefined,
  }
}

/** Most quoting enclaves end the text as C does. */
function withoutZero(chain: Uint8Array): Uint8Array {
  return chain.at(-1) === 0 ? chain.subarray(0, -1) : chain
}
