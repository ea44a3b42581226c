import { InvariantError } from './errors.ts'

/**
 * Bytes that must not leave by accident: they print as `[secret]`, do not serialise and are wiped on
 * dispose. The only way in is `use`.
 *
 * JavaScript cannot promise that no copy remains (garbage collection, JIT): see docs/THREAT_MODEL.md.
 */
export class Secret {
  #bytes: Uint8Array | undefined

  /** Takes ownership of `bytes`: the caller must not keep or change them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Lends the bytes to `action`, which must neither keep nor print them. @throws {InvariantError} after dispose. */
  use<T>(action: (bytes: Uint8Array) => T): T {
    if (this.#bytes === undefined) throw new InvariantError('a wiped secret is never used')
    return action(this.#bytes)
  }

  get isWiped(): boolean {
    return this.#bytes === undefined
  }

  /** Overwrites the bytes. Idempotent. */
  [Symbol.dispose](): void {
    this.#bytes?.fill(0)
    this.#bytes = undefined
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}
