/** Writes CBOR (RFC 8949 §3) piece by piece, so that a test can write what a strict reader refuses. */
import { concatBytes, utf8 } from '../../src/base/bytes.ts'

/** A head in its shortest form. */
function head(major: number, argument: number): Uint8Array {
  const first = major << 5
  if (argument < 24) return Uint8Array.of(first | argument)
  if (argument < 0x100) return Uint8Array.of(first | 24, argument)
  if (argument < 0x10000) return Uint8Array.of(first | 25, argument >> 8, argument & 0xff)
  const wide = new DataView(new ArrayBuffer(9))
  wide.setUint8(0, first | 27)
  wide.setBigUint64(1, BigInt(argument))
  if (argument > 0xffffffff) return new Uint8Array(wide.buffer)
  wide.setUint8(4, first | 26)
  return new Uint8Array(wide.buffer, 4)
}

/** One written value. */
export type Written = Uint8Array
/** A key and its value, both written. */
export type Entry = readonly [key: Written, value: Written]

export const nothing: Written = Uint8Array.of(0xf6)
export const number = (value: number): Written => head(0, value)
export const text = (value: string): Written =>
  concatBytes(head(3, utf8(value).length), utf8(value))
export const bytes = (value: Uint8Array): Written => concatBytes(head(2, value.length), value)
export const list = (items: readonly Written[]): Written =>
  concatBytes(head(4, items.length), ...items)
/** Without a length, and ended by a break. */
export const openList = (items: readonly Written[]): Written =>
  concatBytes(Uint8Array.of(0x9f), ...items, Uint8Array.of(0xff))
/** In the order given, with its length in front. */
export const map = (entries: readonly Entry[]): Written =>
  concatBytes(head(5, entries.length), ...entries.flat())
/** Without a length, and ended by a break. */
export const openMap = (entries: readonly Entry[]): Written =>
  concatBytes(Uint8Array.of(0xbf), ...entries.flat(), Uint8Array.of(0xff))
