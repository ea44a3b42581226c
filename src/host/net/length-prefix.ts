/** Lengths before frames of member streams: unsigned LEB128, as libp2p writes them, and an end to reading them. */
import { HostError } from '../../base/errors.ts'

/** Bytes of a length: 4 say up to 256 MiB, more than any frame has. */
const bytesMax = 4

/**
 * The length in these bytes.
 *
 * @throws {RangeError} while more bytes are needed: libp2p's `lpStream` then reads one more, and by itself it would for ever.
 * @throws {HostError} `LENGTH_TOO_LONG` for a length that is not over after `bytesMax`.
 */
export function decodeLength(prefix: { subarray(): Uint8Array }): number {
  const bytes = prefix.subarray()
  let length = 0
  for (let i = 0; i < bytesMax; i++) {
    const byte = bytes[i]
    if (byte === undefined) throw new RangeError('the length goes on')
    length |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return length
  }
  throw new HostError('LENGTH_TOO_LONG', `a length has at most ${bytesMax} bytes`)
}
