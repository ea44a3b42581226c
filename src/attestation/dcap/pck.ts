/**
 * What Intel certifies about a platform: the SGX extension of the certificate of its provisioning certification key (PCK; Intel
 * SGX PCK Certificate and Certificate Revocation List Profile Specification, section 1.3.5).
 */
import { fromUtf8, toHex } from '../../base/bytes.ts'
import type { Certificate } from '../x509.ts'
import {
  bad,
  childrenOf,
  type DerValue,
  expectTag,
  need,
  oidOf,
  parseDer,
  tagInteger,
  tagOctetString,
  tagSequence,
} from '../x509-der.ts'

export interface Pck {
  /** Family, model, stepping, platform and custom SKU: what TCB info is issued for. Hexadecimal, 6 bytes. */
  readonly fmspc: string
  /** Hexadecimal, 2 bytes. */
  readonly pceId: string
  /** Security versions of the 16 components of the SGX TCB. */
  readonly components: readonly number[]
  readonly pceSvn: number
  /** Names the package, 16 bytes. */
  readonly ppid: Uint8Array
  /** Names the platform, 16 bytes; machines of several packages have it. */
  readonly platformInstance: Uint8Array | undefined
}

/** 1.2.840.113741.1.13.1 as DER content; everything in the extension is below it. */
const sgxOid = '2a864886f84d010d01'
const componentCount = 16
const tagEnumerated = 0x0a

/** @throws {PeerFault} `BAD_CERTIFICATE` for a certificate without the extension, or with one that is not exactly as specified. */
export function parsePck({ extensions }: Certificate): Pck {
  const extension = extensions.get(sgxOid)
  if (extension === undefined) throw bad('the extension of a PCK certificate')
  const fields = fieldsBelow(sgxOid, parseDer(extension.value))
  const known = new Set([1, 2, 3, 4, 5, 6, 7])
  if ([...fields.keys()].some(number => !known.has(number))) throw bad('known fields of a PCK')
  const tcb = fieldsBelow(`${sgxOid}02`, need(fields.get(2)))
  if (tcb.size !== componentCount + 2) throw bad('components, PCESVN and CPUSVN')
  const components = Array.from({ length: componentCount }, (_, i) =>
    wholeNumber(tcb.get(i + 1), 0xff),
  )
  octets(tcb.get(componentCount + 2), 16)
  expectTag(need(fields.get(5)), tagEnumerated)
  const platformInstance = fields.get(6)
  if (fields.has(7)) expectTag(need(fields.get(7)), tagSequence)
  return {
    fmspc: toHex(octets(fields.get(4), 6)),
    pceId: toHex(octets(fields.get(3), 2)),
    components,
    pceSvn: wholeNumber(tcb.get(componentCount + 1), 0xffff),
    ppid: octets(fields.get(1), 16),
    platformInstance: platformInstance === undefined ? undefined : octets(platformInstance, 16),
  }
}

/** The intermediate that issued a PCK certificate: each has its own list of revoked ones. */
export type PckAuthority = 'platform' | 'processor'

/** @throws {PeerFault} `BAD_CERTIFICATE` for a PCK certificate of another issuer. */
export function pckAuthorityOf({ issuer }: Certificate): PckAuthority {
  const name = commonNameOf(issuer)
  if (name === 'Intel SGX PCK Platform CA') return 'platform'
  if (name === 'Intel SGX PCK Processor CA') return 'processor'
  throw bad('a PCK certificate of a platform or a processor')
}

const commonNameOid = '550403'
const textTags: ReadonlySet<number> = new Set([0x0c, 0x13])

/** The one common name in a Name (RFC 5280 §4.1.2.4), DER, or `undefined`. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function commonNameOf(name: Uint8Array): string | undefined {
  const attributes = parseDer(name).parts.flatMap(({ parts }) => parts)
  const named = attributes.filter(({ parts: [id] }) => oidOf(need(id)) === commonNameOid)
  const value = named.length === 1 ? named[0]?.parts[1] : undefined
  return value !== undefined && textTags.has(value.tag) ? fromUtf8(value.content) : undefined
}

/** A row of pairs of identifier and value, by the last arc; each once, and all directly below `parent`. */
function fieldsBelow(parent: string, row: DerValue): ReadonlyMap<number, DerValue> {
  const fields = new Map<number, DerValue>()
  for (const pair of childrenOf(row, tagSequence)) {
    const [id, value] = childrenOf(pair, tagSequence, 2)
    const oid = oidOf(need(id))
    const last = Number.parseInt(oid.slice(parent.length), 16)
    const isBelow = oid.length === parent.length + 2 && oid.startsWith(parent)
    if (!isBelow || fields.has(last)) throw bad('each field of a PCK once')
    fields.set(last, need(value))
  }
  return fields
}

function octets(value: DerValue | undefined, count: number): Uint8Array {
  expectTag(need(value), tagOctetString)
  const { content } = need(value)
  if (content.length !== count) throw bad(`${count} octets`)
  return content
}

function wholeNumber(value: DerValue | undefined, max: number): number {
  expectTag(need(value), tagInteger)
  const { content } = need(value)
  const number = content.reduce((sum, octet) => sum * 0x100 + octet, 0)
  if ((content[0] ?? 0) >= 0x80 || content.length > 3 || number > max) throw bad(`0 to ${max}`)
  return number
}
