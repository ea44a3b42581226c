/** DER (X.690) as certificates and lists are made of: one value each, freshly made. */
import { concatBytes, fromHex, utf8 } from '../../src/base/bytes.ts'
import type { Timestamp } from '../../src/base/time.ts'

/** Tag, shortest length, content. */
export function der(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const joined = concatBytes(...content)
  const { length } = joined
  if (length < 0x80) return concatBytes(Uint8Array.of(tag, length), joined)
  if (length < 0x100) return concatBytes(Uint8Array.of(tag, 0x81, length), joined)
  return concatBytes(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), joined)
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(0x30, ...parts)
export const octets = (value: Uint8Array): Uint8Array => der(0x04, value)
export const bits = (value: Uint8Array): Uint8Array => der(0x03, Uint8Array.of(0), value)
export const ia5 = (text: string): Uint8Array => der(0x16, utf8(text))
export const truth: Uint8Array = der(0x01, Uint8Array.of(0xff))

/** An object identifier by the hexadecimal of its content. */
export const oid = (hex: string): Uint8Array => der(0x06, hexBytes(hex))

/** A whole number by its hexadecimal digits, an even count; a zero byte is put in front of a high bit. */
export function integer(hex: string): Uint8Array {
  const bytes = hexBytes(hex)
  return der(0x02, (bytes[0] ?? 0) < 0x80 ? bytes : concatBytes(Uint8Array.of(0), bytes))
}

/** UTCTime until 2049 (RFC 5280 §4.1.2.5). */
export function time(at: Timestamp): Uint8Array {
  const digits = new Date(at).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  return Number(digits.slice(0, 4)) < 2050
    ? der(0x17, utf8(`${digits.slice(2)}Z`))
    : der(0x18, utf8(`${digits}Z`))
}

/** One extension of a certificate, a list or an entry. */
export function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(oid(id), ...(critical ? [truth] : []), octets(value))
}

export function hexBytes(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex}`)
  return bytes
}
