/**
 * X.509 (RFC 5280) as far as attestation needs it: certificates are parsed strictly and chains validated
 * to an anchor that is pinned by its key.
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { type Timestamp, timestamp, utcTime } from '../base/time.ts'
import { isCertain } from '../crypto/arithmetic.ts'
import { framedHashHex } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import type { Refusal } from './verdict.ts'
import {
  bad,
  bitString,
  childrenOf,
  type DerValue,
  expectTag,
  need,
  oidOf,
  parseDer,
  tagBitString,
  tagBoolean,
  tagExtensions,
  tagGeneralizedTime,
  tagInteger,
  tagOctetString,
  tagSequence,
  tagUtcTime,
  tagVersion,
} from './x509-der.ts'
import {
  type EcKey,
  isSignedBy,
  parseAlgorithm,
  parseEcKey,
  type SignatureAlgorithm,
} from './x509-keys.ts'

/** Object identifiers by the hexadecimal of their DER content. */
export const oids = {
  basicConstraints: '551d13',
  keyUsage: '551d0f',
  ecdsaSha256: '2a8648ce3d040302',
  ecdsaSha384: '2a8648ce3d040303',
} as const

export interface Extension {
  readonly critical: boolean
  readonly value: Uint8Array
}

/** A parsed certificate; nothing in it is believed yet. Byte strings are views of the input. */
export interface Certificate {
  readonly tbs: Uint8Array
  /** As lists of revoked certificates name it: hexadecimal, without a leading zero byte. */
  readonly serial: string
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly signature: Uint8Array
  /** Names as DER: compared, never shown. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly notBefore: Timestamp
  readonly notAfter: Timestamp
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  readonly isAuthority: boolean
  /** How many authorities may stand between this one and a leaf. */
  readonly pathLength: number
  /** Bits of KeyUsage, bit 0 first, or `undefined` without the extension. */
  readonly keyUsage: readonly boolean[] | undefined
  /** By object identifier. */
  readonly extensions: ReadonlyMap<string, Extension>
}

export interface ChainRequest {
  /** Leaf first; the root itself is left out, because only its key is pinned. */
  readonly chain: readonly Certificate[]
  /** SubjectPublicKeyInfo of every root that may stand above the chain. */
  readonly anchors: readonly Uint8Array[]
  /** `null`: when the youngest certificate was issued. */
  readonly now: Timestamp | null
  /** AMD's leaves say nothing about the use of their keys, and then any use is meant (RFC 5280 §4.2.1.3). */
  readonly leafUsage?: 'stated' | 'if-stated' | undefined
}

/** What a valid chain says. */
export interface ValidChain {
  /** The first end of validity along the chain. */
  readonly expiresAt: Timestamp
  /** The latest beginning: true time cannot be before it. */
  readonly issuedAt: Timestamp
  readonly leafKey: EcKey
}

const keyUsageBits = { digitalSignature: 0, keyCertSign: 5 } as const
const understood: ReadonlySet<string> = new Set([oids.basicConstraints, oids.keyUsage])

/**
 * Parses one certificate, or finds one that was parsed before; what comes out may be shared and is
 * never written to.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for anything that is not strict DER of version 3.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const name = framedHashHex(domains.certificate, der)
  const known = keptAuthorities.get(name) ?? keptLeaves.get(name)
  if (known !== undefined) return known
  // Bytes of its own: it may be kept, and whoever handed these in may change them.
  const certificate = parseAnew(der.slice())
  nameOfReading.set(certificate, name)
  return certificate
}

/**
 * Certificates whose signature held under a pinned key or under another of them, by the digest of all their
 * bytes: every machine of a vendor shows the same authorities, and with every quote the same leaf. Nobody
 * but a holder of such a key can put one here, and however many leaves there are, they push out no authority.
 * Kept is what the bytes say and nothing of what followed from it: dates, shape and anchors are held against
 * each chain anew.
 */
const keptAuthorities = new BoundedMap<string, Certificate>(256)
const keptLeaves = new BoundedMap<string, Certificate>(512)

/** The digests of what certificates were read from. */
const nameOfReading = new WeakMap<Certificate, string>()

/** Whether it is a reading and no copy that somebody changed: only that can be kept. */
function keep(certificate: Certificate): boolean {
  const name = nameOfReading.get(certificate)
  if (name === undefined) return false
  const kept = certificate.isAuthority ? keptAuthorities : keptLeaves
  kept.set(name, certificate)
  return true
}

function parseAnew(der: Uint8Array): Certificate {
  const [tbs, algorithm, signature] = childrenOf(parseDer(der), tagSequence, 3)
  const fields = childrenOf(tbs, tagSequence)
  const [version, serial, inner, issuer, validity, subject, publicKey, wrapped] = fields
  if (fields.length !== 8) throw bad('a certificate of version 3 with extensions and without ids')
  const [number] = childrenOf(version, tagVersion, 1)
  if (toHex(need(number).content) !== '02') throw bad('version 3')
  if (!equalBytes(need(inner).bytes, need(algorithm).bytes)) throw bad('one signature algorithm')
  const [notBefore, notAfter] = childrenOf(validity, tagSequence, 2)
  const extensions = parseExtensions(need(wrapped))
  const constraints = parseBasicConstraints(extensions.get(oids.basicConstraints))
  expectTag(need(issuer), tagSequence)
  expectTag(need(subject), tagSequence)
  return {
    tbs: need(tbs).bytes,
    serial: parseSerial(need(serial)),
    signatureAlgorithm: parseAlgorithm(need(algorithm)),
    signature: bitString(need(signature)),
    issuer: need(issuer).bytes,
    subject: need(subject).bytes,
    notBefore: parseTime(need(notBefore)),
    notAfter: parseTime(need(notAfter)),
    publicKey: need(publicKey).bytes,
    ...constraints,
    keyUsage: parseKeyUsage(extensions.get(oids.keyUsage)),
    extensions,
  }
}

/**
 * Validates a chain (RFC 5280 §6.1, for chains without policies or name constraints: a critical
 * extension that asks for either is unknown here and refuses).
 *
 * Cheap checks come first. Refusals: `CHAIN_INVALID`, `EVIDENCE_NOT_YET_VALID`, `EVIDENCE_EXPIRED`,
 * `UNKNOWN_ANCHOR`; `facts.certificate` is the place in the chain, leaf 0.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for a key that is not understood.
 */
export function verifyChain({
  chain,
  anchors,
  now,
  leafUsage,
}: ChainRequest): ValidChain | Refusal {
  const leaf = chain[0]
  if (leaf === undefined) return invalid('the chain is empty', 0)
  const issuedAt = timestamp(Math.max(...chain.map(each => each.notBefore)))
  const shape = chain
    .map((each, place) => brokenShape(each, place, { chain, leafUsage }))
    .find(refusal => refusal !== undefined)
  const refused = shape ?? outOfDate(chain, now ?? issuedAt) ?? brokenSignature(chain, anchors)
  if (refused !== undefined) return refused
  return {
    expiresAt: timestamp(Math.min(...chain.map(each => each.notAfter))),
    issuedAt,
    leafKey: parseEcKey(leaf.publicKey),
  }
}

function invalid(reason: string, certificate: number): Refusal {
  return { code: 'CHAIN_INVALID', facts: { reason, certificate } }
}

function brokenShape(
  certificate: Certificate,
  place: number,
  { chain, leafUsage }: Pick<ChainRequest, 'chain' | 'leafUsage'>,
): Refusal | undefined {
  for (const [oid, { critical }] of certificate.extensions) {
    if (critical && !understood.has(oid)) return invalid('unknown critical extension', place)
  }
  const issuer = chain[place + 1]
  if (issuer !== undefined && !equalBytes(certificate.issuer, issuer.subject)) {
    return invalid('issuer and subject differ', place)
  }
  const usage = certificate.keyUsage
  if (place === 0) {
    if (certificate.isAuthority) return invalid('the leaf is an authority', place)
    const isSilent = usage === undefined && leafUsage === 'if-stated'
    const signs = isSilent || usage?.[keyUsageBits.digitalSignature] === true
    return signs ? undefined : invalid('the leaf may not sign', place)
  }
  if (!certificate.isAuthority) return invalid('the issuer is not an authority', place)
  if (usage?.[keyUsageBits.keyCertSign] !== true) {
    return invalid('the issuer may not sign certificates', place)
  }
  // Between an authority and the leaf stand all certificates below it but the leaf.
  return place - 1 > certificate.pathLength ? invalid('the path is too long', place) : undefined
}

/** Which certificate does not hold at a time: for chains that were found valid before. Codes: `EVIDENCE_NOT_YET_VALID`, `EVIDENCE_EXPIRED`. */
export function outOfDate(chain: readonly Certificate[], now: Timestamp): Refusal | undefined {
  const certificate = chain.findIndex(each => now < each.notBefore || now > each.notAfter)
  const found = chain[certificate]
  if (found === undefined) return undefined
  const { notBefore, notAfter } = found
  const facts = { certificate, now: iso(now) }
  return now < notBefore
    ? { code: 'EVIDENCE_NOT_YET_VALID', facts: { ...facts, notBefore: iso(notBefore) } }
    : { code: 'EVIDENCE_EXPIRED', facts: { ...facts, notAfter: iso(notAfter) } }
}

/** From the anchor down, so that a stranger's chain costs one check per anchor. */
function brokenSignature(
  chain: readonly Certificate[],
  anchors: readonly Uint8Array[],
): Refusal | undefined {
  const top = chain.at(-1)
  if (top === undefined || !anchors.some(anchor => isVouchedFor(top, anchor))) {
    const facts = { reason: 'no pinned key signed the chain', anchors: anchors.length }
    return { code: 'UNKNOWN_ANCHOR', facts }
  }
  for (let place = chain.length - 2; place >= 0; place--) {
    const [certificate, issuer] = [chain[place], chain[place + 1]]
    if (certificate === undefined || issuer === undefined) continue
    if (!isVouchedFor(certificate, issuer.publicKey)) return invalid('a signature is wrong', place)
  }
  return undefined
}

/**
 * The key under which a signature was found good, by the reading of the certificate, which is shared while it is kept. This saves a
 * third of an appraisal and changes no answer.
 */
const signedUnder = new WeakMap<Certificate, Uint8Array>()

function isVouchedFor(certificate: Certificate, issuerKey: Uint8Array): boolean {
  const known = signedUnder.get(certificate)
  if (known !== undefined && equalBytes(known, issuerKey)) return true
  if (!isIssuedBy(certificate, issuerKey)) return false
  if (isCertain() && keep(certificate)) signedUnder.set(certificate, issuerKey.slice())
  return true
}

function isIssuedBy(certificate: Certificate, issuerKey: Uint8Array): boolean {
  const { signatureAlgorithm: algorithm, tbs: message, signature } = certificate
  return isSignedBy(issuerKey, { algorithm, message, signature })
}

const iso = (at: Timestamp): string => new Date(at).toISOString()

/** A serial number as lists name it; AMD's leaves all have the number zero. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function parseSerial(value: DerValue): string {
  checkSerial(value)
  const { content } = value
  return toHex(content.length > 1 && content[0] === 0 ? content.subarray(1) : content)
}

/** Whether it is a serial number that `parseSerial` takes. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function checkSerial(value: DerValue): void {
  expectTag(value, tagInteger)
  const [first = 0, second = 0] = [value.octet(0), value.octet(1)]
  const isShortest = value.length === 1 || first !== 0 || second >= 0x80
  const isWhole = first < 0x80 && value.length >= 1 && value.length <= 21
  if (!isShortest || !isWhole) throw bad('a serial number that is not negative')
}

/** RFC 5280 §4.1.2.5: seconds are written, the zone is Z, two-digit years are 1950..2049. */
export function parseTime(value: DerValue): Timestamp {
  const { tag, length } = value
  const yearDigits = tag === tagUtcTime ? 2 : tag === tagGeneralizedTime ? 4 : 0
  if (yearDigits === 0 || length !== yearDigits + 11) throw bad('a time')
  if (value.octet(yearDigits + 10) !== letterZ) throw bad('a time')
  const written = numberOf(value, 0, yearDigits)
  const year = yearDigits === 4 ? written : written + (written < 50 ? 2000 : 1900)
  const two = (place: number): number => numberOf(value, yearDigits + place, 2)
  const date = { year, month: two(0), day: two(2) }
  const at = utcTime({ ...date, hour: two(4), minute: two(6), second: two(8) })
  if (at === undefined) throw bad('a date that exists')
  return at
}

const letterZ = 0x5a

/** So many decimal digits. */
function numberOf(text: DerValue, start: number, count: number): number {
  let number = 0
  for (let place = start; place < start + count; place++) {
    const digit = (text.octet(place) ?? 0) - 0x30
    if (digit < 0 || digit > 9) throw bad('a time')
    number = 10 * number + digit
  }
  return number
}

function parseExtensions(wrapped: DerValue): ReadonlyMap<string, Extension> {
  const [all] = childrenOf(wrapped, tagExtensions, 1)
  const extensions = new Map<string, Extension>()
  for (const each of childrenOf(all, tagSequence)) {
    const parts = childrenOf(each, tagSequence)
    const [id, second, third] = parts
    const critical = parts.length === 3
    if (critical) checkTrue(need(second))
    const value = need(critical ? third : second)
    if (parts.length > 3) throw bad('an extension')
    expectTag(value, tagOctetString)
    const oid = oidOf(need(id))
    if (extensions.has(oid)) throw bad('each extension once')
    extensions.set(oid, { critical, value: value.content })
  }
  return extensions
}

/** FALSE is the default everywhere in a certificate, so DER leaves it out (X.690 §11.5). */
function checkTrue({ tag, content }: DerValue): void {
  if (tag !== tagBoolean || toHex(content) !== 'ff') throw bad('TRUE')
}

function parseBasicConstraints(
  extension: Extension | undefined,
): Pick<Certificate, 'isAuthority' | 'pathLength'> {
  if (extension === undefined) return { isAuthority: false, pathLength: 0 }
  // DER has three spellings: no authority, one without a limit, one with it (RFC 5280 §4.2.1.9).
  const spelled = /^30(?:00|(030101ff)|060101ff0201([0-7][0-9a-f]))$/.exec(toHex(extension.value))
  if (spelled === null) throw bad('basic constraints')
  const [, unlimited, limit] = spelled
  if (limit !== undefined) return { isAuthority: true, pathLength: Number.parseInt(limit, 16) }
  const isAuthority = unlimited !== undefined
  return { isAuthority, pathLength: isAuthority ? Number.POSITIVE_INFINITY : 0 }
}

function parseKeyUsage(extension: Extension | undefined): readonly boolean[] | undefined {
  if (extension === undefined) return undefined
  const { value } = extension
  const [tag, length, unused = 8] = [value[0], value[1], value[2]]
  const isWhole = tag === tagBitString && length === value.length - 2
  // Nine bits are defined.
  if (!isWhole || unused > 7 || value.length > 5) throw bad('key usage')
  const bits: boolean[] = []
  for (let bit = 0; bit < 8 * (value.length - 3); bit++) {
    bits.push(((value[3 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0)
  }
  return bits
}
