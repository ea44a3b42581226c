/**
 * Padding of sealed bodies, so that a size on the wire says little about what is inside.
 *
 * Buckets: powers of two up to 4 KiB, because there a message costs per message and not per byte, and
 * a few coarse sizes hide single writes; above, Padmé (Nikitin et al., PETS 2019, "Reducing Metadata
 * Leakage from Encrypted Files and Communication with PURBs", §4), which never adds more than 6 % there,
 * because large batches are multiplied by gossip and a doubled size would be paid at every link. Between
 * 256 bytes and 256 KiB there are 133 sizes in all.
 */

const powersUpTo = 4096

/** The bucket of a body of `length` bytes: at least `least`, itself a bucket. */
export function paddedLength(length: number, least: number): number {
  if (length <= least) return least
  if (length <= powersUpTo) return 2 ** Math.ceil(Math.log2(length))
  const exponent = Math.floor(Math.log2(length))
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1)
  return Math.ceil(length / step) * step
}

/** The largest bucket that is at most `max`. */
export function largestBucket(max: number): number {
  const exponent = Math.floor(Math.log2(max))
  if (max <= powersUpTo) return 2 ** exponent
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1)
  return Math.floor(max / step) * step
}

const lengthBytes = 4

/** `payload` behind its length, filled up with zeros to its bucket: at least `least` bytes. */
export function padded(payload: Uint8Array, least: number): Uint8Array {
  const bytes = new Uint8Array(paddedLength(lengthBytes + payload.length, least))
  new DataView(bytes.buffer).setUint32(0, payload.length)
  bytes.set(payload, lengthBytes)
  return bytes
}

/** What `padded` was given, as a view; `undefined` for bytes that it never makes. */
export function unpadded(bytes: Uint8Array, least: number): Uint8Array | undefined {
  if (bytes.length < lengthBytes) return undefined
  const end = lengthBytes + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  if (end > bytes.length || paddedLength(end, least) !== bytes.length) return undefined
  for (let at = end; at < bytes.length; at++) if (bytes[at] !== 0) return undefined
  return bytes.subarray(lengthBytes, end)
}
