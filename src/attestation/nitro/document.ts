/**
 * The attestation document of AWS Nitro Enclaves (aws-nitro-enclaves-nsm-api, attestation process): a COSE_Sign1
 * (RFC 9052 §4.2) around a map. Read strictly; nothing in it is believed here.
 */
import { toHex } from '../../base/bytes.ts'
import { type Timestamp, timestamp } from '../../base/time.ts'
import { isRefusal, type Refusal } from '../verdict.ts'
import { type CborItem, readCborItem } from './cbor-items.ts'

/** The largest genuine document: nine certificates and options of full length stay below it. */
export const nitroBytesMax = 16 * 1024

/** The signed envelope. Byte strings are views of the input, here and below. */
export interface CoseSign1 {
  readonly isTagged: boolean
  readonly protectedHeader: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** What the security module says, by the names of AWS's document. */
export interface NitroDocument {
  /** `i-<instance>-enc<enclave>` */
  readonly moduleId: string
  readonly timestamp: Timestamp
  /** Locked platform configuration registers; 0, 1 and 2 are among them. */
  readonly pcrs: ReadonlyMap<number, Uint8Array>
  /** DER. */
  readonly certificate: Uint8Array
  /** DER, the root first. */
  readonly cabundle: readonly Uint8Array[]
  readonly publicKey: Uint8Array | null
  readonly userData: Uint8Array | null
  readonly nonce: Uint8Array | null
}

/** Head of tag 18, COSE_Sign1 (RFC 9052 §2). The security module leaves it out; others put it back. */
const coseSign1Tag = 0xd2
/** The one spelling of `{1: -35}`: the algorithm is ES384 (RFC 9053 §2.1). */
const es384Header = 'a1013822'
const signatureBytes = 96

/** The envelope of a body. @throws {PeerFault} `CBOR_…` for what is not strict CBOR. */
export function readEnvelope(body: Uint8Array): CoseSign1 | Refusal {
  const isTagged = body[0] === coseSign1Tag
  const parts = readCborItem(isTagged ? body.subarray(1) : body, 'definite')
  if (!isList(parts) || parts.length !== 4) return malformed('not the four parts of COSE_Sign1')
  const [protectedHeader, unprotectedHeader, payload, signature] = parts
  if (!isMap(unprotectedHeader) || unprotectedHeader.size > 0) {
    return malformed('an unprotected header that is not empty')
  }
  if (!isBytes(protectedHeader) || !isBytes(payload)) return malformed('no header or no payload')
  if (!isBytes(signature) || signature.length !== signatureBytes) {
    return malformed('a signature of other than 96 bytes')
  }
  return { isTagged, protectedHeader, payload, signature }
}

/** Whether the envelope says ES384 and nothing else. */
export function isEs384({ protectedHeader }: CoseSign1): boolean {
  return toHex(protectedHeader) === es384Header
}

/** Most certificates of a bundle; AWS's have four. */
const bundleMax = 8
const certificateBytesMax = 1024
const optionBytesMax = { public_key: 1024, user_data: 512, nonce: 512 } as const
const required = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'] as const
const known: ReadonlySet<unknown> = new Set([...required, ...Object.keys(optionBytesMax)])
/** The end of year 9999, in milliseconds: beyond it dates cannot be written. */
const timestampMax = 253_402_300_799_999

/** The fields of a payload, each within AWS's rules. @throws {PeerFault} `CBOR_…` for what is not strict CBOR. */
export function readDocument(payload: Uint8Array): NitroDocument | Refusal {
  const map = readCborItem(payload, 'open-too')
  if (!isMap(map)) return malformed('the payload is not a map')
  for (const key of map.keys()) if (!known.has(key)) return malformed('an unknown field')
  for (const key of required) if (!map.has(key)) return malformed(`no ${key}`)
  const moduleId = map.get('module_id')
  if (typeof moduleId !== 'string' || moduleId === '') return malformed('module_id')
  if (map.get('digest') !== 'SHA384') return malformed('a digest other than SHA384')
  const at = map.get('timestamp')
  if (typeof at !== 'number' || at > timestampMax) return malformed('timestamp')
  const pcrs = readPcrs(map.get('pcrs'))
  if (isRefusal(pcrs)) return pcrs
  const certificate = map.get('certificate')
  if (!isCertificate(certificate)) return malformed('certificate')
  const cabundle = map.get('cabundle')
  const isBundle = isList(cabundle) && cabundle.length > 0 && cabundle.length <= bundleMax
  if (!isBundle || !cabundle.every(isCertificate)) return malformed('cabundle')
  const options: Record<string, Uint8Array | null> = {}
  for (const [name, bytesMax] of Object.entries(optionBytesMax)) {
    // AWS's document says that an option which was not asked for is absent; the module writes null.
    const option = map.get(name) ?? null
    if (option !== null && !(isBytes(option) && option.length <= bytesMax)) return malformed(name)
    options[name] = option
  }
  const { public_key: publicKey = null, user_data: userData = null, nonce = null } = options
  return {
    ...{ moduleId, timestamp: timestamp(at), pcrs, certificate, cabundle },
    ...{ publicKey, userData, nonce },
  }
}

/** Lengths of SHA-256, SHA-384 and SHA-512. */
const pcrLengths: ReadonlySet<number> = new Set([32, 48, 64])
const pcrsMax = 32

function readPcrs(item: CborItem | undefined): ReadonlyMap<number, Uint8Array> | Refusal {
  if (!isMap(item) || item.size === 0) return malformed('pcrs')
  const pcrs = new Map<number, Uint8Array>()
  for (const [index, value] of item) {
    if (typeof index !== 'number' || index >= pcrsMax) return malformed('the index of a PCR')
    if (!isBytes(value) || !pcrLengths.has(value.length)) return malformed('the length of a PCR')
    pcrs.set(index, value)
  }
  // Without them nobody could tell an enclave in debug mode.
  const isComplete = [0, 1, 2].every(index => pcrs.has(index))
  return isComplete ? pcrs : malformed('no PCR0, PCR1 or PCR2')
}

const isBytes = (item: unknown): item is Uint8Array => item instanceof Uint8Array
const isList = (item: CborItem | undefined): item is readonly CborItem[] => Array.isArray(item)
const isMap = (item: CborItem | undefined): item is ReadonlyMap<number | string, CborItem> =>
  item instanceof Map
const isCertificate = (item: CborItem | undefined): item is Uint8Array =>
  isBytes(item) && item.length > 0 && item.length <= certificateBytesMax

function malformed(reason: string): Refusal {
  return { code: 'EVIDENCE_MALFORMED', facts: { reason } }
}
