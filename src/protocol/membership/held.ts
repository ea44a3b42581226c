/**
 * Messages that cannot be judged yet, kept until what is missing arrives: the author's record or the key.
 *
 * gossipsub was told `ignore` at once, so nobody else holds them for us. Bounded in number and bytes
 * together; the oldest go first, because what has waited longest is the least likely to be released.
 */
import { assert } from '../../base/errors.ts'
import type { Digest, NodeId } from '../../base/ids.ts'
import { limits } from '../../wire/limits.ts'

/** What a message waits for. */
export type HeldFor =
  | { readonly kind: 'author'; readonly node: NodeId }
  | { readonly kind: 'key'; readonly id: Digest }

interface Held<T> {
  readonly reason: string
  readonly message: T
  readonly size: number
}

/** A pure buffer of messages `T`; the shell releases on `memberAdded` and `keysChanged`. */
export class HeldMessages<T> {
  readonly #limits: { readonly countMax: number; readonly bytesMax: number }
  /** In order of arrival. */
  readonly #held = new Map<number, Held<T>>()
  #arrivals = 0
  #bytes = 0

  constructor(
    options: { readonly countMax: number; readonly bytesMax: number } = {
      countMax: limits.heldMessagesMax,
      bytesMax: limits.heldBytesMax,
    },
  ) {
    this.#limits = options
  }

  get count(): number {
    return this.#held.size
  }

  /** Bytes of all held messages together. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Keeps a message of `size` bytes; the oldest make room.
   *
   * @returns how many messages were pushed out, this one included if it alone is larger than the bound.
   */
  hold(reason: HeldFor, message: T, size: number): number {
    assert(Number.isSafeInteger(size) && size >= 0, 'a size is a whole number of bytes')
    if (size > this.#limits.bytesMax) return 1
    this.#held.set(++this.#arrivals, { reason: nameOf(reason), message, size })
    this.#bytes += size
    let pushedOut = 0
    for (const arrival of this.#held.keys()) {
      if (this.#held.size <= this.#limits.countMax && this.#bytes <= this.#limits.bytesMax) break
      this.#drop(arrival)
      pushedOut++
    }
    return pushedOut
  }

  /** Gives out and forgets all that waited for this, oldest first. */
  release(reason: HeldFor): readonly T[] {
    const name = nameOf(reason)
    const released: T[] = []
    for (const [arrival, held] of this.#held) {
      if (held.reason !== name) continue
      released.push(held.message)
      this.#drop(arrival)
    }
    return released
  }

  #drop(arrival: number): void {
    this.#bytes -= this.#held.get(arrival)?.size ?? 0
    this.#held.delete(arrival)
  }
}

function nameOf(reason: HeldFor): string {
  return reason.kind === 'author' ? `author ${reason.node}` : `key ${reason.id}`
}
