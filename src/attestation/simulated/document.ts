/**
 * The document of the simulated TEE: what a real one signs, in our own canonical CBOR.
 *
 * Not COSE: COSE_Sign1 would add an algorithm header of which a verifier must refuse all but one value,
 * and a second canonical form to police. The exact bytes of the report are signed under their own domain.
 */
import { byteString, fixedBytes, flag, list, message, row, uint } from '../../wire/schema.ts'

/** Security versions of the simulated firmware, each 0..255. */
export interface SimulatedTcb {
  readonly bootloader: number
  readonly tee: number
  readonly snp: number
  readonly microcode: number
}

/** The registers of the simulated TEE, one of each kind that real ones have. */
export interface SimulatedRegisters {
  /** Launch measurement, 48 bytes (as MRTD, MEASUREMENT, PCR0). */
  readonly measurement: Uint8Array
  /** Run-time registers, four of 48 bytes (as RTMR0..3). */
  readonly rtmrs: readonly Uint8Array[]
  /** What the host configured, 32 bytes (as HOST_DATA, MRCONFIGID). */
  readonly hostData: Uint8Array
  /** Digest of the signer of the software, 48 bytes (as ID_KEY_DIGEST, PCR8, MRSIGNER). */
  readonly signer: Uint8Array
  /** As ISVPRODID, 0..65535. */
  readonly productId: number
  /** Security version of the software (as ISVSVN), 0..65535. */
  readonly svn: number
}

/** What the simulated hardware vouches for. It carries no time: only certificates do. */
export interface SimulatedReport {
  /** Chip id, 64 bytes; it stands in the leaf certificate as well and must agree. */
  readonly instance: Uint8Array
  readonly debug: boolean
  readonly registers: SimulatedRegisters
  /** What the firmware reports now, and below what it can no longer fall. */
  readonly tcb: SimulatedTcb
  readonly committedTcb: SimulatedTcb
  /** 64 bytes chosen by the software. */
  readonly reportData: Uint8Array
}

/** Report, signature and chain as carried in the body of evidence. */
export interface SimulatedDocument {
  /** Canonical encoding of the report: the bytes that are signed. */
  readonly report: Uint8Array
  /** ECDSA P-256 with SHA-256, r ‖ s, 64 bytes. */
  readonly signature: Uint8Array
  /** DER certificates, leaf first, without the root: verifiers pin it. */
  readonly chain: readonly Uint8Array[]
}

const rtmrCount = 4
/** Longest chain below the root that is accepted: a leaf and two authorities. */
export const chainMax = 3
/** Largest document that is accepted; three certificates of P-384 and a report fit twice. */
export const simulatedBytesMax = 8192
const certificateBytesMax = 2048
const reportBytesMax = 1024

const svn = uint(0xff)
const tcb = row<SimulatedTcb>({ bootloader: svn, tee: svn, snp: svn, microcode: svn })
const register48 = fixedBytes(48)

const registers = row<SimulatedRegisters>({
  measurement: register48,
  rtmrs: list(register48, rtmrCount),
  hostData: fixedBytes(32),
  signer: register48,
  productId: uint(0xffff),
  svn: uint(0xffff),
})

export const reportCodec = message<SimulatedReport>(
  'simulated-report',
  1,
  {
    instance: [1, fixedBytes(64)],
    debug: [2, flag],
    registers: [3, registers],
    tcb: [4, tcb],
    committedTcb: [5, tcb],
    reportData: [6, fixedBytes(64)],
  },
  { bytesMax: reportBytesMax, itemsMax: 64 },
)

export const documentCodec = message<SimulatedDocument>(
  'simulated-document',
  1,
  {
    report: [1, byteString(1, reportBytesMax)],
    signature: [2, fixedBytes(64)],
    chain: [3, list(byteString(1, certificateBytesMax), chainMax)],
  },
  { bytesMax: simulatedBytesMax, itemsMax: 32 },
)
