/**
 * Lists of revoked certificates (RFC 5280 §5), parsed strictly, and believed only under the key of the issuer and on their
 * dates. A published library for DCAP takes any bytes for a list; whoever brings the collateral then revokes nothing.
 */
import { BoundedMap } from '../base/bounded-map.ts'
import { equalBytes, fromHex } from '../base/bytes.ts'
import type { Timestamp } from '../base/time.ts'
import { isCertain } from '../crypto/arithmetic.ts'
import { framedHashHex } from '../crypto/hash.ts'
import { domains } from '../wire/domains.ts'
import type { Refusal, RefusalFacts } from './verdict.ts'
import { checkSerial, parseTime } from './x509.ts'
import {
  bad,
  bitString,
  childrenOf,
  type DerValue,
  expectTag,
  need,
  oidOf,
  parseDer,
  tagBoolean,
  tagInteger,
  tagOctetString,
  tagSequence,
  tagVersion,
} from './x509-der.ts'
import { isSignedBy, parseAlgorithm, type Signed } from './x509-keys.ts'

/** A parsed list; nothing in it is believed yet. Byte strings are views of the input. */
export interface RevocationList extends Signed {
  /** Name as DER: compared, never shown. */
  readonly issuer: Uint8Array
  readonly thisUpdate: Timestamp
  readonly nextUpdate: Timestamp
  readonly revoked: RevokedSerials
}

/**
 * Serial numbers of what was revoked, one after the other, each behind its length: a list names dozens and is asked about one or two, and
 * a set of texts took as long to make as all else that is in the list.
 */
class RevokedSerials {
  readonly size: number
  readonly #packed: Uint8Array

  constructor(serials: readonly DerValue[]) {
    this.size = serials.length
    this.#packed = new Uint8Array(serials.reduce((sum, { length }) => sum + 1 + length, 0))
    let end = 0
    for (const serial of serials) {
      // A zero in front of a number whose top bit is set says only that it is not negative.
      const start = serial.length > 1 && serial.octet(0) === 0 ? 1 : 0
      this.#packed[end++] = serial.length - start
      for (let place = start; place < serial.length; place++) {
        this.#packed[end++] = serial.octet(place) ?? 0
      }
    }
  }

  /** `serial` as a certificate has it here. */
  has(serial: string): boolean {
    const wanted = fromHex(serial)
    if (wanted === undefined) return false
    let start = 0
    for (let i = 0; i < this.size; i++) {
      const length = this.#packed[start] ?? 0
      if (length === wanted.length && this.#isAt(start + 1, wanted)) return true
      start += 1 + length
    }
    return false
  }

  /** From the end, because numbers of one issuer often begin alike. */
  #isAt(start: number, wanted: Uint8Array): boolean {
    for (let place = wanted.length - 1; place >= 0; place--) {
      if (this.#packed[start + place] !== wanted[place]) return false
    }
    return true
  }
}

/** Who must have signed a list. */
export interface ListIssuer {
  /** Name as DER. */
  readonly name: Uint8Array
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
}

/** The largest list of a known vendor has some 3 KiB; DER of at most 64 KiB is read at all. */
const bytesMax = 0xffff
/** An entry takes nine values at most. */
const valuesMax = 10_000

/**
 * A list, parsed or found again: what was read once and found signed is kept by the digest of its bytes, because reading it and its
 * signature cost as much as what it speaks of. Nobody but an issuer who is believed can put one there. What is kept is shared and never
 * written to; for whom it speaks and its dates are asked each time.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for anything that is not strict DER of version 2.
 */
export function readRevocationList(der: Uint8Array): RevocationList {
  const name = framedHashHex(domains.collateral, der)
  const kept = keptLists.get(name)
  if (kept !== undefined) return kept
  // Bytes of its own: whoever handed these in may change them.
  const list = parseRevocationList(der.slice())
  nameOfReading.set(list, name)
  return list
}

/** A list of 64 KiB with all its numbers takes half a megabyte; those of known vendors a hundredth of that. */
const keptLists = new BoundedMap<string, RevocationList>(128)
/** The digests of what lists were read from. */
const nameOfReading = new WeakMap<RevocationList, string>()

/** Parsed anew. @throws {PeerFault} `BAD_CERTIFICATE` for anything that is not strict DER of version 2. */
export function parseRevocationList(der: Uint8Array): RevocationList {
  if (der.length > bytesMax) throw bad('a list of at most 64 KiB')
  const [list, algorithm, signature] = childrenOf(parseDer(der, valuesMax), tagSequence, 3)
  const fields = [...childrenOf(list, tagSequence)]
  const [version, inner, issuer, thisUpdate, nextUpdate] = fields.splice(0, 5)
  expectTag(need(version), tagInteger)
  if (need(version).length !== 1 || need(version).octet(0) !== 1) throw bad('version 2')
  if (!equalBytes(need(inner).bytes, need(algorithm).bytes)) throw bad('one signature algorithm')
  expectTag(need(issuer), tagSequence)
  // No entry at all is spelled by leaving their sequence out (§5.1.2.6).
  const entries =
    fields[0]?.tag === tagSequence ? childrenOf(fields.shift(), tagSequence) : undefined
  if (entries?.length === 0) throw bad('an entry')
  checkListExtensions(fields.shift())
  if (fields.length > 0) throw bad('nothing after the extensions')
  return {
    algorithm: parseAlgorithm(need(algorithm)),
    message: need(list).bytes,
    signature: bitString(need(signature)),
    issuer: need(issuer).bytes,
    thisUpdate: parseTime(need(thisUpdate)),
    nextUpdate: parseTime(need(nextUpdate)),
    revoked: new RevokedSerials((entries ?? []).map(serialOf)),
  }
}

/**
 * Whether a list speaks for `issuer` at a time, or why not. A serial number means something only in a list that passes.
 *
 * Codes: `CRL_FOREIGN`, `CRL_SIGNATURE_INVALID`, `CRL_NOT_YET_VALID`, `CRL_EXPIRED`.
 *
 * @throws {PeerFault} `BAD_CERTIFICATE` for a key of the issuer that is not understood.
 */
export function brokenList(
  list: RevocationList,
  issuer: ListIssuer,
  now: Timestamp,
): Refusal | undefined {
  if (!equalBytes(list.issuer, issuer.name)) return { code: 'CRL_FOREIGN', facts: {} }
  if (now < list.thisUpdate) return { code: 'CRL_NOT_YET_VALID', facts: datesOf(list, now) }
  if (now > list.nextUpdate) return { code: 'CRL_EXPIRED', facts: datesOf(list, now) }
  const isKnown = equalBytes(signedUnder.get(list) ?? new Uint8Array(), issuer.publicKey)
  if (!isKnown && !isSignedBy(issuer.publicKey, list)) {
    return { code: 'CRL_SIGNATURE_INVALID', facts: {} }
  }
  if (!isKnown && isCertain()) keep(list, issuer)
  return undefined
}

/** The key under which a list was found signed: who keeps a list asks for its dates again and again, and needs no signature again. */
const signedUnder = new WeakMap<RevocationList, Uint8Array>()

function keep(list: RevocationList, issuer: ListIssuer): void {
  signedUnder.set(list, issuer.publicKey.slice())
  const name = nameOfReading.get(list)
  if (name !== undefined) keptLists.set(name, list)
}

function serialOf(entry: DerValue): DerValue {
  const parts = childrenOf(entry, tagSequence)
  const serial = need(parts[0])
  checkSerial(serial)
  parseTime(need(parts[1]))
  if (parts.length > 3) throw bad('an entry')
  // An extension of an entry that must be understood may say that the entry is another issuer's (§5.3.3).
  if (parts.length === 3) childrenOf(parts[2], tagSequence).forEach(checkNotCritical)
  return serial
}

/** What must be understood limits what the list covers (§5.2.5), and no vendor here limits anything. */
function checkListExtensions(wrapped: DerValue | undefined): void {
  if (wrapped === undefined) return
  const [all] = childrenOf(wrapped, tagVersion, 1)
  childrenOf(all, tagSequence).forEach(checkNotCritical)
}

function checkNotCritical(extension: DerValue): void {
  const parts = childrenOf(extension, tagSequence)
  oidOf(need(parts[0]))
  if (parts.some(({ tag }) => tag === tagBoolean)) throw bad('no critical extension')
  expectTag(need(parts[1]), tagOctetString)
  if (parts.length > 2) throw bad('an extension')
}

const datesOf = ({ thisUpdate, nextUpdate }: RevocationList, now: Timestamp): RefusalFacts => ({
  thisUpdate: iso(thisUpdate),
  nextUpdate: iso(nextUpdate),
  now: iso(now),
})

const iso = (at: Timestamp): string => new Date(at).toISOString()
