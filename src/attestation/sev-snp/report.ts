/** ATTESTATION_REPORT (SEV-SNP Firmware ABI 56860, MSG_REPORT_RSP): 1184 bytes, everything little-endian. */
import { concatBytes } from '../../base/bytes.ts'
import { PeerFault } from '../../base/errors.ts'
import type { Refusal } from '../verdict.ts'
import { type Product, productOfCpu } from './products.ts'

export const reportBytes = 1184

/** Where the signature begins; it covers everything before. */
const signatureOffset = 0x2a0
/** r and s, 72 bytes each, of which a number of P-384 takes 48. */
const [numberSlot, numberBytes] = [72, 48]
const versions: readonly number[] = [2, 3, 5]
/** ECDSA on P-384 with SHA-384. */
const ecdsaP384 = 1

/** A decoded report; nothing in it is believed yet. Byte strings are views of the input. */
export interface Report {
  readonly bytes: Uint8Array
  readonly version: number
  readonly guestSvn: number
  readonly policy: GuestPolicy
  readonly familyId: Uint8Array
  readonly imageId: Uint8Array
  readonly vmpl: number
  readonly signatureAlgorithm: number
  readonly platformInfo: bigint
  readonly authorKeyEnabled: boolean
  readonly maskChipKey: boolean
  /** 0 VCEK, 1 VLEK, 7 none. */
  readonly signingKey: number
  readonly reportData: Uint8Array
  readonly measurement: Uint8Array
  readonly hostData: Uint8Array
  readonly idKeyDigest: Uint8Array
  readonly authorKeyDigest: Uint8Array
  readonly reportId: Uint8Array
  /** Since version 3. */
  readonly cpu: Cpu | undefined
  readonly chipId: Uint8Array
  /** TCB_VERSION, eight bytes each. */
  readonly tcb: Readonly<Record<'current' | 'reported' | 'committed' | 'launch', Uint8Array>>
  /** Of the firmware that runs: major, minor, build. */
  readonly build: readonly [number, number, number]
}

/** What the guest's owner asked of the firmware (ABI §4.3). */
export interface GuestPolicy {
  readonly bits: bigint
  readonly smt: boolean
  /** A migration agent may take the guest, with its memory, to another machine. */
  readonly migration: boolean
  readonly debug: boolean
}

/** CPUID: family and model with their extensions added. */
export interface Cpu {
  readonly family: number
  readonly model: number
  readonly stepping: number
}

/** The report at the beginning of `body`. @throws {PeerFault} `BAD_SNP_REPORT` for less than 1184 bytes. */
export function decodeReport(body: Uint8Array): Report {
  if (body.length < reportBytes) throw new PeerFault('BAD_SNP_REPORT', 'a report has 1184 bytes')
  const bytes = body.subarray(0, reportBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const part = (offset: number, length: number) => bytes.subarray(offset, offset + length)
  const number = (offset: number) => view.getUint32(offset, true)
  const version = number(0)
  const flags = number(0x48)
  return {
    ...{ bytes, version, guestSvn: number(4) },
    policy: policyOf(view.getBigUint64(8, true)),
    ...{ familyId: part(0x10, 16), imageId: part(0x20, 16) },
    ...{ vmpl: number(0x30), signatureAlgorithm: number(0x34) },
    platformInfo: view.getBigUint64(0x40, true),
    ...{ authorKeyEnabled: (flags & 1) !== 0, maskChipKey: (flags & 2) !== 0 },
    signingKey: (flags >> 2) & 7,
    ...{ reportData: part(0x50, 64), measurement: part(0x90, 48), hostData: part(0xc0, 32) },
    ...{ idKeyDigest: part(0xe0, 48), authorKeyDigest: part(0x110, 48) },
    reportId: part(0x140, 32),
    cpu: version < 3 ? undefined : cpuOf(part(0x188, 3)),
    chipId: part(0x1a0, 64),
    tcb: {
      ...{ current: part(0x38, 8), reported: part(0x180, 8) },
      ...{ committed: part(0x1e0, 8), launch: part(0x1f0, 8) },
    },
    build: [view.getUint8(0x1ea), view.getUint8(0x1e9), view.getUint8(0x1e8)],
  }
}

function policyOf(bits: bigint): GuestPolicy {
  const has = (bit: bigint): boolean => ((bits >> bit) & 1n) === 1n
  return { bits, smt: has(16n), migration: has(18n), debug: has(19n) }
}

function cpuOf([family = 0, model = 0, stepping = 0]: Uint8Array): Cpu {
  return { family, model, stepping }
}

/** Bytes that firmware of any version leaves zero; those of PLATFORM_INFO get a meaning from time to time and are not asked. */
const reserved: readonly (readonly [from: number, to: number])[] = [
  [0x4c, 0x50],
  [0x18b, 0x1a0],
  [0x1eb, 0x1ec],
  [0x1ef, 0x1f0],
  [0x208, signatureOffset],
  [signatureOffset + 2 * numberSlot, reportBytes],
]
/** CPUID came with version 3, the mitigation vectors with version 5. */
const reservedBefore: readonly (readonly [version: number, from: number, to: number])[] = [
  [3, 0x188, 0x18b],
  [5, 0x1f8, 0x208],
]

/** What is wrong with the form of a report. Codes: `REPORT_NOT_SUPPORTED`, `EVIDENCE_MALFORMED`. */
export function brokenForm(report: Report): Refusal | undefined {
  const { bytes, version, signatureAlgorithm, signingKey } = report
  if (!versions.includes(version)) return unsupported('version', version, versions.join(' '))
  if (signatureAlgorithm !== ecdsaP384) {
    return unsupported('signature algorithm', signatureAlgorithm, '1')
  }
  if (signingKey > 1) return unsupported('signing key', signingKey, '0 1')
  const gaps = [
    ...reserved,
    ...reservedBefore.filter(([since]) => version < since).map(([, from, to]) => [from, to]),
  ]
  const isZero = gaps.every(([from, to]) => bytes.subarray(from, to).every(byte => byte === 0))
  // Bits 5 to 31 of the flags; of the guest's policy bit 17 is one, and those from 26 on are not given out.
  const hasFlags = (bytes[0x48] ?? 0) >= 0x20 || bytes.subarray(0x49, 0x4c).some(byte => byte !== 0)
  const { bits } = report.policy
  if (isZero && !hasFlags && ((bits >> 17n) & 1n) === 1n && bits >> 26n === 0n) return undefined
  return { code: 'EVIDENCE_MALFORMED', facts: { reason: 'reserved bits of the report' } }
}

function unsupported(field: string, found: number, supported: string): Refusal {
  return { code: 'REPORT_NOT_SUPPORTED', facts: { field, found, supported } }
}

/** The product that a report names, `undefined` before version 3, or the refusal `PRODUCT_NOT_SUPPORTED`. */
export function productOf({ cpu }: Report): Product | Refusal | undefined {
  if (cpu === undefined) return undefined
  const product = productOfCpu(cpu.family, cpu.model)
  return product ?? { code: 'PRODUCT_NOT_SUPPORTED', facts: { cpuid: cpuText(cpu) } }
}

/** Family, model and stepping, hexadecimal: `19/11/1`. */
export function cpuText({ family, model, stepping }: Cpu): string {
  return [family, model, stepping].map(each => each.toString(16)).join('/')
}

/** What the chip signed. */
export function signedPart({ bytes }: Report): Uint8Array {
  return bytes.subarray(0, signatureOffset)
}

/** r and s, big-endian, 48 bytes each; `undefined` if one takes more and so is no number of P-384. */
export function signatureOf({ bytes }: Report): Uint8Array | undefined {
  const [r, s] = [0, 1].map(i => {
    const start = signatureOffset + i * numberSlot
    return bytes.subarray(start, start + numberSlot)
  })
  if (r === undefined || s === undefined) return undefined
  const isLarge = [r, s].some(each => each.subarray(numberBytes).some(byte => byte !== 0))
  if (isLarge) return undefined
  return concatBytes(...[r, s].map(each => each.slice(0, numberBytes).reverse()))
}
