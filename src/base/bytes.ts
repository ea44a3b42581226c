/** Bytes as values: joined, compared, printed. Nothing here is for secrets except `equalConstantTime`. */

import { assert } from './errors.ts'

const textEncoder = new TextEncoder()
// A byte order mark is kept: dropping it would give one text two spellings.
const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A fresh array that holds all `parts` in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Whether two public byte strings are equal. Returns early: use `equalConstantTime` for secrets. */
export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareBytes(left, right) === 0
}

/** Whether two byte strings are equal, in time that depends on their length alone. */
export function equalConstantTime(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  let difference = 0
  for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0)
  return difference === 0
}

/** Lexicographic order of unsigned bytes: negative, zero or positive. A prefix sorts first. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shared = Math.min(left.length, right.length)
  for (let i = 0; i < shared; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

/** Byte strings in byte order, each once. */
export function inOrder(found: readonly Uint8Array[]): Uint8Array[] {
  const sorted = found.toSorted(compareBytes)
  return sorted.filter((bytes, i) => i === 0 || !equalBytes(sorted[i - 1] ?? bytes, bytes))
}

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexDigits[byte]
  return text
}

/** Bytes of a hexadecimal text, or `undefined` if it is not one. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const byte = (nibbleOf(text.charCodeAt(2 * i)) << 4) | nibbleOf(text.charCodeAt(2 * i + 1))
    if (byte < 0) return undefined
    bytes[i] = byte
  }
  return bytes
}

/** Bytes of a constant of this program, in lines of hexadecimal. */
export function bytesOfConstant(lines: readonly string[]): Uint8Array {
  const bytes = fromHex(lines.join(''))
  assert(bytes !== undefined, 'a constant is hexadecimal')
  return bytes
}

/** The value of a hexadecimal digit, or -1: every handshake turns digests into bytes a dozen times. */
function nibbleOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return textEncoder.encode(text)
}

/** The text of UTF-8 bytes, or `undefined` if they are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return textDecoder.decode(bytes)
  } catch {
    // TextDecoder throws TypeError for invalid input and for nothing else.
    return undefined
  }
}

/** Eight bytes, big-endian, of a whole number from 0 to 2^53 - 1. */
export function uint64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return bytes
}
