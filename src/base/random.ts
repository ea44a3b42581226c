import { assert } from './errors.ts'

/** Chance as an argument. The real one is the platform's cryptographic generator. */
export interface Random {
  /** `count` fresh bytes, owned by the caller. */
  bytes(count: number): Uint8Array
}

/** A uniform whole number in `[0, bound)`, for `bound` up to 2^32. */
export function below(random: Random, bound: number): number {
  assert(
    Number.isInteger(bound) && bound > 0 && bound <= 2 ** 32,
    'the bound of a draw is in 1..2^32',
  )
  const limit = Math.floor(2 ** 32 / bound) * bound
  for (;;) {
    const bytes = random.bytes(4)
    const draw = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
    if (draw < limit) return draw % bound
  }
}
