/**
 * HalfSipHash-1-3 (Aumasson, Bernstein), 32 bits: keyed, so that whoever chooses keys cannot make them
 * collide in the index. Not a commitment: never leaves the process.
 */

/** A hash of two whole numbers and a byte run. */
export type RowHash = (
  owner: number,
  author: number,
  run: { readonly bytes: Uint8Array; readonly start: number; readonly end: number },
) => number

/** The hash under `seed`, 8 random bytes. */
export function rowHash(seed: Uint8Array): RowHash {
  const view = new DataView(seed.buffer, seed.byteOffset, 8)
  const k0 = view.getInt32(0)
  const k1 = view.getInt32(4)
  return (owner, author, { bytes, start, end }) => {
    let v0 = k0
    let v1 = k1
    let v2 = k0 ^ 0x6c796765
    let v3 = k1 ^ 0x74656462
    const words = (end - start) >> 2
    let at = start
    for (let i = 0; i < words + 6; i++) {
      let word = 0
      if (i === 0) word = owner
      else if (i === 1) word = author
      else if (i < words + 2) {
        word =
          (bytes[at] ?? 0) |
          ((bytes[at + 1] ?? 0) << 8) |
          ((bytes[at + 2] ?? 0) << 16) |
          ((bytes[at + 3] ?? 0) << 24)
        at += 4
      } else if (i === words + 2) {
        word = (end - start) << 24
        for (let shift = 0; at < end; at++, shift += 8) word |= (bytes[at] ?? 0) << shift
      } else if (i === words + 3) {
        v2 ^= 0xff
      }
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
    }
    return (v1 ^ v3) >>> 0
  }
}
