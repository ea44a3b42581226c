/** The number in a slot of a counter: a signed big-endian number of 64 bits. */
import { slotBytes } from './entry.ts'

const slotMax = 2n ** 63n - 1n

/** The number that the 8 bytes of a slot spell. */
export function slotValue(bytes: Uint8Array): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, slotBytes).getBigInt64(0)
}

/** The 8 bytes of a slot, or `undefined` if the number needs more. */
export function slotOf(value: bigint): Uint8Array | undefined {
  if (value > slotMax || value < -slotMax) return undefined
  const bytes = new Uint8Array(slotBytes)
  new DataView(bytes.buffer).setBigInt64(0, value)
  return bytes
}
