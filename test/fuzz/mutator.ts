/** A small byte mutator with a corpus: repeatable from its seed. */

/** Whole numbers in `[0, bound)`. */
export type Draw = (bound: number) => number

/** mulberry32: quick, and one 32-bit seed repeats a run. Not for secrets. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0
  return bound => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
  }
}

/** Heads, lengths and numbers that decoders like to get wrong. */
const interesting: readonly (readonly number[])[] = [
  [0x00],
  [0x18, 0x00],
  [0x1b, 0x00, 0x20, 0, 0, 0, 0, 0, 0],
  [0x3b, 0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x5a, 0xff, 0xff, 0xff, 0xff],
  [0x9a, 0xff, 0xff, 0xff, 0xff],
  [0x9f],
  [0xbf],
  [0xff],
  [0xc2, 0x41, 0x01],
  [0xd8, 0x69],
  [0xd8, 0x1c],
  [0xf6],
  [0xf7],
  [0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  [0x81, 0x81, 0x81, 0x81],
  [0xa1, 0x00, 0x00],
  [0x62, 0xc3, 0x28],
  [0xef, 0xbb, 0xbf],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
]

/** One to eight changes to a member of `corpus`. */
export function mutate(corpus: readonly Uint8Array[], draw: Draw): Uint8Array {
  let bytes = [...(corpus[draw(corpus.length)] ?? [])]
  for (let changes = 1 + draw(8); changes > 0; changes--) {
    const at = draw(bytes.length + 1)
    switch (draw(8)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8))
        break
      case 1:
        bytes[at] = draw(256)
        break
      case 2:
        bytes.splice(at, draw(8))
        break
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + draw(8) }, () => draw(256)))
        break
      case 4:
        bytes.splice(at, draw(4), ...(interesting[draw(interesting.length)] ?? []))
        break
      case 5:
        bytes = [...bytes.slice(0, at), ...spliceOf(corpus, draw)]
        break
      case 6:
        bytes.splice(at, 0, ...bytes.slice(at, at + draw(64)))
        break
      default:
        bytes[at] = (bytes[at] ?? 0) + (draw(2) === 0 ? 1 : 255)
    }
  }
  return Uint8Array.from(bytes)
}

function spliceOf(corpus: readonly Uint8Array[], draw: Draw): Uint8Array {
  const other = corpus[draw(corpus.length)] ?? new Uint8Array(0)
  return other.subarray(draw(other.length + 1))
}

/** A map from small integers to random simple values: the outline of a message, for families without samples. */
export function outline(draw: Draw): readonly number[] {
  const fields = 1 + draw(9)
  const bytes = [0xa0 + fields, 0, 1]
  for (let key = 1; key < fields; key++) {
    bytes.push(key, ...simple(draw, 2))
  }
  return bytes
}

function simple(draw: Draw, depth: number): readonly number[] {
  switch (draw(depth > 0 ? 8 : 6)) {
    case 0:
      return [draw(24)]
    case 1:
      return [0x1a, 1 + draw(255), draw(256), draw(256), draw(256)]
    case 2:
      return [0xf4 + draw(3)]
    case 3:
      return [0x58, 32, ...Array.from({ length: 32 }, () => draw(256))]
    case 4:
      return [0x58, 64, ...Array.from({ length: 64 }, () => draw(256))]
    case 5:
      return [0x60 + 4, 0x61 + draw(26), 0x61 + draw(26), 0x61, 0x62]
    case 6:
      return [0x80 + 2, ...simple(draw, depth - 1), ...simple(draw, depth - 1)]
    default:
      return [0x81, ...simple(draw, depth - 1)]
  }
}
