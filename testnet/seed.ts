/** Chance that can be had again: everything a testnet draws follows from one seed. */
import { createHash, randomBytes } from 'node:crypto'
import { UsageError } from '../src/base/errors.ts'

/** A seed for who gave none. */
export function drawSeed(): string {
  return randomBytes(4).toString('hex')
}

/** @throws {UsageError} `BAD_SEED`. */
export function assertSeed(seed: string): void {
  if (/^[\w.-]{1,64}$/.test(seed)) return
  throw new UsageError('BAD_SEED', `${JSON.stringify(seed)} is no seed`, {
    next: 'A seed is 1 to 64 letters, digits, dots, dashes or underscores.',
  })
}

/** A stream of draws; two of one seed and purpose are equal. Not for secrets. */
export class Draws {
  readonly #prefix: string
  #count = 0

  constructor(seed: string, purpose: string) {
    this.#prefix = JSON.stringify([seed, purpose])
  }

  bytes(length: number): Uint8Array {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () => {
      return createHash('sha256')
        .update(`${this.#prefix} ${this.#count++}`)
        .digest()
    })
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }

  /** In 0..1, without 1. */
  unit(): number {
    return Buffer.from(this.bytes(6)).readUIntBE(0, 6) / 2 ** 48
  }

  /** A whole number in 0..bound, without `bound`. */
  below(bound: number): number {
    return Math.floor(this.unit() * bound)
  }

  /** One of `items`, which must not be empty. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
