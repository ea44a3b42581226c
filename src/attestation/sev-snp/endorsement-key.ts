/**
 * Certificates of the keys that sign reports (AMD 57230, VCEK and VLEK certificate definitions): of one chip at one version of its
 * firmware, or of a cloud provider's machines at one version.
 */
import { fromUtf8, toHex } from '../../base/bytes.ts'
import type { Certificate } from '../x509.ts'
import { bad, parseDer, tagInteger, tagOctetString, tagOid } from '../x509-der.ts'
import { type Product, productOfName, type Tcb, tcbOf } from './products.ts'
import type { Report } from './report.ts'

export type KeyKind = 'vcek' | 'vlek'

/** A certificate with AMD's extensions read; nothing in it is believed yet. */
export interface EndorsementKey {
  readonly kind: KeyKind
  readonly certificate: Certificate
  readonly structVersion: number
  /** As certified: `Milan-B0`. */
  readonly productName: string
  readonly product: Product | undefined
  /** Versions of components, as far as certified; `reserved` is the highest of those without a name. */
  readonly tcb: Tcb
  /** The chip: 64 bytes, eight on Turin; of a VLEK `undefined`. */
  readonly hardwareId: Uint8Array | undefined
  /** Whose machines a VLEK stands for: `CN=cc-us-east-2.amazonaws.com`. */
  readonly providerId: string | undefined
}

/** 1.3.6.1.4.1.3704.1 as DER content, hexadecimal; one or two more components follow. */
const arc = '2b060104019c7801'
const ids = {
  structVersion: `${arc}01`,
  productName: `${arc}02`,
  hardwareId: `${arc}04`,
  providerId: `${arc}05`,
} as const
const components: Readonly<Record<string, string>> = {
  bootloader: `${arc}0301`,
  tee: `${arc}0302`,
  snp: `${arc}0303`,
  microcode: `${arc}0308`,
  fmc: `${arc}0309`,
}
/** Components that have a place and no meaning yet. */
const reservedComponents = ['04', '05', '06', '07'].map(last => `${arc}03${last}`)

const tagIa5String = 0x16
/** Shorter than a chip's id, which may stand in its place. */
const providerIdMax = 63

/**
 * Reads a VCEK or VLEK; `undefined` for any other certificate.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for extensions of AMD's that are not as defined.
 */
export function readEndorsementKey(certificate: Certificate): EndorsementKey | undefined {
  const value = (oid: string): Uint8Array | undefined => certificate.extensions.get(oid)?.value
  const hardwareId = optional(value(ids.hardwareId), chipOf)
  const providerId = optional(value(ids.providerId), textOf)
  if (hardwareId === undefined && providerId === undefined) return undefined
  if (hardwareId !== undefined && providerId !== undefined) throw bad('a chip or a provider')
  if (providerId !== undefined && providerId.length > providerIdMax) throw bad('a provider')
  const productName = optional(value(ids.productName), textOf) ?? ''
  const versions = Object.entries(components).flatMap(([component, oid]) => {
    const version = optional(value(oid), byteOf)
    return version === undefined ? [] : [[component, version] as const]
  })
  const unnamed = reservedComponents.map(oid => optional(value(oid), byteOf) ?? 0)
  return {
    kind: hardwareId === undefined ? 'vlek' : 'vcek',
    certificate,
    structVersion: optional(value(ids.structVersion), byteOf) ?? 0,
    ...{ productName, product: productOfName(productName), hardwareId, providerId },
    tcb: { ...Object.fromEntries(versions), reserved: Math.max(...unnamed) },
  }
}

/** The first component whose certified version is not that of the report, or `undefined` if all agree. */
export function differingComponent(
  { tcb }: EndorsementKey,
  product: Product,
  { tcb: { reported } }: Report,
): string | undefined {
  const expected = { fmc: 0, ...tcbOf(product, reported), reserved: 0 }
  const isAbsent = (component: string): boolean => component === 'fmc' && product !== 'Turin'
  return Object.entries(expected).find(([component, version]) => {
    const certified = tcb[component] ?? (isAbsent(component) ? 0 : -1)
    return certified !== version
  })?.[0]
}

/** Whether the certificate is of the chip that a report names; a VLEK is of no chip. Turin's chips have ids of eight bytes. */
export function isOfChip({ kind, hardwareId }: EndorsementKey, product: Product, report: Report) {
  if (kind === 'vlek') return true
  const length = product === 'Turin' ? 8 : 64
  return hardwareId !== undefined && toHex(hardwareId) === toHex(report.chipId.subarray(0, length))
}

function optional<T>(value: Uint8Array | undefined, read: (value: Uint8Array) => T): T | undefined {
  return value === undefined ? undefined : read(value)
}

/** An integer from 0 to 255. */
function byteOf(value: Uint8Array): number {
  const { tag, content } = parseDer(value)
  const [first = 0, second] = content
  const isByte = content.length === 1 ? first < 0x80 : content.length === 2 && first === 0
  if (tag !== tagInteger || !isByte) throw bad('a version of one byte')
  return second ?? first
}

function textOf(value: Uint8Array): string {
  const { tag, content } = parseDer(value)
  const text = fromUtf8(content) ?? ''
  if (tag !== tagIa5String || !/^[ -~]+$/.test(text)) throw bad('a printable text')
  return text
}

/** The id is the value itself; certificates exist that wrap it once more. */
function chipOf(value: Uint8Array): Uint8Array {
  if (value.length === 64 || value.length === 8) return value
  const { tag, content } = parseDer(value)
  const isId = content.length === 64 || content.length === 8
  if (tag !== tagOctetString || !isId) throw bad('an id of a chip')
  return content
}

const commonName = '550403'

/** The common name in a distinguished name, or `''`. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function commonNameOf(name: Uint8Array): string {
  const attributes = parseDer(name).parts.flatMap(({ parts }) => parts)
  const found = attributes.find(
    ({ parts: [id] }) => id?.tag === tagOid && toHex(id.content) === commonName,
  )
  return fromUtf8(found?.parts[1]?.content ?? new Uint8Array(0)) ?? ''
}
