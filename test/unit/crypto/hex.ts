import { fromHex } from '../../../src/base/bytes.ts'

/** Bytes of a hexadecimal text of a vector file. */
export function bytesOf(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex.slice(0, 20)}`)
  return bytes
}
