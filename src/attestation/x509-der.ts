/** DER (X.690 §8 and §10) as far as certificates need it: whatever is not in its one spelling is refused. */
import { toHex } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'

interface Found {
  readonly tag: number
  readonly parts: readonly DerValue[]
  readonly around: Uint8Array
  /** Of the first octet, of the first of the content, and behind the last, in `around`. */
  readonly start: number
  readonly begin: number
  readonly end: number
}

/** One value. A quote brings some 500 of them and few are looked at, so views are made when they are asked for. */
export class DerValue {
  /** The first octet. */
  readonly tag: number
  /** What a constructed value is made of. */
  readonly parts: readonly DerValue[]
  readonly #around: Uint8Array
  readonly #start: number
  readonly #begin: number
  readonly #end: number

  constructor({ tag, parts, around, start, begin, end }: Found) {
    this.tag = tag
    this.parts = parts
    this.#around = around
    this.#start = start
    this.#begin = begin
    this.#end = end
  }

  /** All of it: tag, length and content. */
  get bytes(): Uint8Array {
    return this.#around.subarray(this.#start, this.#end)
  }

  get content(): Uint8Array {
    return this.#around.subarray(this.#begin, this.#end)
  }

  /** Octets of the content. */
  get length(): number {
    return this.#end - this.#begin
  }

  /** One octet of the content, or `undefined` behind it, without a view: a list of revoked certificates has hundreds of short values. */
  octet(place: number): number | undefined {
    return place < this.length ? this.#around[this.#begin + place] : undefined
  }
}

/** First octets of the types that occur in certificates. */
export const tagBoolean = 0x01
export const tagInteger = 0x02
export const tagBitString = 0x03
export const tagOctetString = 0x04
export const tagOid = 0x06
export const tagUtcTime = 0x17
export const tagGeneralizedTime = 0x18
export const tagSequence = 0x30
export const tagVersion = 0xa0
export const tagExtensions = 0xa3

const depthMax = 12
/** Values inside of one certificate. */
const nodesMax = 512

/** The one fault of everything here, `BAD_CERTIFICATE`. */
export const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_CERTIFICATE', `expected ${expected} in DER`)

/** Exactly one value, with at most `valuesMax` inside of it. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function parseDer(bytes: Uint8Array, valuesMax: number = nodesMax): DerValue {
  const reader = new DerReader(bytes, valuesMax)
  const value = reader.value(0)
  if (reader.offset !== bytes.length) throw bad('exactly one value')
  return value
}

/** Universal types (X.680 §8.4) that are made of parts; all others are not, in DER (X.690 §10.2). */
const sequenceNumber = 16
const setNumber = 17

/** Of every value that is not constructed. */
const noParts: DerValue[] = []

/** Reads values one after the other: each length is the shortest, no value reaches beyond the one around it. */
class DerReader {
  readonly #bytes: Uint8Array
  readonly #valuesMax: number
  #values = 0
  offset = 0

  constructor(bytes: Uint8Array, valuesMax: number) {
    this.#bytes = bytes
    this.#valuesMax = valuesMax
  }

  value(depth: number): DerValue {
    if (depth > depthMax || ++this.#values > this.#valuesMax) throw bad('less')
    const start = this.offset
    const tag = this.#octet()
    const number = tag & 0x1f
    if (number === 0x1f) throw bad('a tag of one octet')
    const isConstructed = (tag & 0x20) !== 0
    const isMadeOfParts = number === sequenceNumber || number === setNumber
    if (tag < 0x40 && (number === 0 || isConstructed !== isMadeOfParts)) throw bad('types of DER')
    const length = this.#length()
    const begin = this.offset
    const end = begin + length
    if (end > this.#bytes.length) throw bad('as many octets as announced')
    const parts: DerValue[] = isConstructed ? [] : noParts
    if (isConstructed) while (this.offset < end) parts.push(this.value(depth + 1))
    else this.offset = end
    if (this.offset !== end) throw bad('parts that end with the whole')
    const value = new DerValue({ tag, parts, around: this.#bytes, start, begin, end })
    if (tag === tagInteger) checkShortestInteger(value)
    else if (tag === tagOid) checkShortestOid(value)
    return value
  }

  /** X.690 §10.1: definite and shortest; certificates stay below 64 KiB. */
  #length(): number {
    const first = this.#octet()
    if (first < 0x80) return first
    if (first !== 0x81 && first !== 0x82) throw bad('definite and shortest lengths')
    const length = first === 0x81 ? this.#octet() : this.#octet() * 0x100 + this.#octet()
    if (length < (first === 0x81 ? 0x80 : 0x100)) throw bad('definite and shortest lengths')
    return length
  }

  #octet(): number {
    const octet = this.#bytes[this.offset++]
    if (octet === undefined) throw bad('another octet')
    return octet
  }
}

/** X.690 §8.3.2: no octet in front that says nothing. */
function checkShortestInteger(value: DerValue): void {
  const [first, second = 0] = [value.octet(0), value.octet(1)]
  if (first === undefined) throw bad('a value')
  if (value.length === 1) return
  const isPadded = first === 0 ? second < 0x80 : first === 0xff && second >= 0x80
  if (isPadded) throw bad('the shortest integer')
}

/** X.690 §8.19.2: no octet in front of a number that says nothing; the last one ends the identifier. */
function checkShortestOid(value: DerValue): void {
  if (value.length === 0) throw bad('a value')
  let isStart = true
  for (let place = 0; place < value.length; place++) {
    const octet = value.octet(place) ?? 0
    if (isStart && octet === 0x80) throw bad('the shortest identifier')
    isStart = octet < 0x80
  }
  if (!isStart) throw bad('a whole identifier')
}

/** The value, which must be there. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function need(value: DerValue | undefined): DerValue {
  if (value === undefined) throw bad('another field')
  return value
}

/** @throws {PeerFault} `BAD_CERTIFICATE` for another tag. */
export function expectTag(value: DerValue, tag: number): void {
  if (value.tag !== tag) throw bad(`tag 0x${tag.toString(16)}`)
}

/** Parts of a value with this tag; all of them if `count` is given. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function childrenOf(
  value: DerValue | undefined,
  tag: number,
  count?: number,
): readonly DerValue[] {
  const parent = need(value)
  expectTag(parent, tag)
  if (count !== undefined && parent.parts.length !== count) throw bad(`${count} parts`)
  return parent.parts
}

/** An object identifier as the hexadecimal of its content. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function oidOf(value: DerValue): string {
  expectTag(value, tagOid)
  return toHex(value.content)
}

/** A bit string of whole bytes, without the count of unused bits. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function bitString(value: DerValue): Uint8Array {
  expectTag(value, tagBitString)
  if (value.content[0] !== 0) throw bad('a bit string of whole bytes')
  return value.content.subarray(1)
}
