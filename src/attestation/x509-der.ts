/**
 * DER (X.690 §8 and §10) as far as certificates need it. The only file that knows asn1js, which reads BER:
 * whatever is not in the one spelling of DER is refused here.
 */
import { type BaseBlock, Constructed, fromBER } from 'asn1js'
import { toHex } from '../base/bytes.ts'
import { PeerFault } from '../base/errors.ts'

/** One value: its tag as the first octet, all its bytes, its content and, if constructed, its parts. */
export interface DerValue {
  readonly tag: number
  readonly bytes: Uint8Array
  readonly content: Uint8Array
  readonly parts: readonly DerValue[]
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
const nodesMax = 512

/** The one fault of everything here, `BAD_CERTIFICATE`. */
export const bad = (expected: string): PeerFault =>
  new PeerFault('BAD_CERTIFICATE', `expected ${expected} in DER`)

/** Exactly one value. @throws {PeerFault} `BAD_CERTIFICATE`. */
export function parseDer(bytes: Uint8Array): DerValue {
  const { offset, result } = readBer(bytes)
  if (offset !== bytes.length || result.error !== '') throw bad('exactly one value')
  return derValue(result)
}

function readBer(bytes: Uint8Array): ReturnType<typeof fromBER> {
  try {
    return fromBER(bytes, { maxDepth: depthMax, maxNodes: nodesMax, parseEmbedded: false })
  } catch {
    // The library throws plain errors for times and texts that it cannot convert; its words say no more.
    throw bad('values of their types')
  }
}

function derValue(block: BaseBlock): DerValue {
  const bytes = block.valueBeforeDecodeView
  const length = block.lenBlock.length
  const lengthOctets = length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 4
  const isDer = !block.lenBlock.isIndefiniteForm && bytes.length === 1 + lengthOctets + length
  if (!isDer || block.idBlock.tagNumber > 30) throw bad('definite and shortest lengths')
  const parts = block instanceof Constructed ? block.valueBlock.value.map(derValue) : []
  return {
    tag: bytes[0] ?? 0,
    bytes,
    content: bytes.subarray(bytes.length - length),
    parts,
  }
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
