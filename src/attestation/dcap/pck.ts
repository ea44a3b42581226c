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
  tagOid,
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
const sgxArcs = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01] as const
const sgxOid = toHex(Uint8Array.from(sgxArcs))
const tcbArcs = [...sgxArcs, 0x02] as const
const componentCount = 16
const tagEnumerated = 0x0a

/** @throws {PeerFault} `BAD_CERTIFICATE` for a certificate without the extension, or with one that is not exactly as specified. */
export function parsePck({ extensions }: Certificate): Pck {
  const extension = extensions.get(sgxOid)
  if (extension === undefined) throw bad('the extension of a PCK certificate')
  const fields = fieldsBelow(sgxArcs, parseDer(extension.value))
  if ([...fields.keys()].some(number => number < 1 || number > 7))
    throw bad('known fields of a PCK')
  const tcb = fieldsBelow(tcbArcs, need(fields.get(2)))
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
function fieldsBelow(parent: readonly number[], row: DerValue): ReadonlyMap<number, DerValue> {
  const fields = new Map<number, DerValue>()
  for (const pair of childrenOf(row, tagSequence)) {
    const parts = childrenOf(pair, tagSequence, 2)
    const id = need(parts[0])
    expectTag(id, tagOid)
    const last = id.octet(parent.length)
    const isBelow =
      id.length === parent.length + 1 && parent.every((arc, place) => id.octet(place) === arc)
    if (!isBelow || last === undefined || fields.has(last)) throw bad('each field of a PCK once')
    fields.set(last, need(parts[1]))
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
  const integer = need(value)
  expectTag(integer, tagInteger)
  const { length } = integer
  // A third octet is a zero in front of two whose top bit is set.
  if (length > 3 || (integer.octet(0) ?? 0) >= 0x80) throw bad(`0 to ${max}`)
  let number = 0
  for (let place = 0; place < length; place++) number = number * 0x100 + (integer.octet(place) ?? 0)
  if (number > max) throw bad(`0 to ${max}`)
  return number
}
