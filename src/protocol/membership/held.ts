/**
 * Messages that cannot be judged yet, kept until what is missing arrives: the author's record or the key.
 *
 * gossipsub was told `ignore` at once, so nobody else holds them for us. Bounded in number and bytes
 * together. Where room must be made, the neighbour that fills most of it loses its oldest, which is the
 * least likely to be released: a flood pushes out itself and not what others brought.
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
  readonly from: NodeId
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
   * Keeps a message of `size` bytes that the neighbour `from` brought.
   *
   * @returns how many messages were pushed out, this one included if it alone is larger than the bound.
   */
  hold(reason: HeldFor, message: T, { from, size }: { from: NodeId; size: number }): number {
    assert(Number.isSafeInteger(size) && size >= 0, 'a size is a whole number of bytes')
    if (size > this.#limits.bytesMax) return 1
    this.#held.set(++this.#arrivals, { reason: nameOf(reason), message, from, size })
    this.#bytes += size
    let pushedOut = 0
    for (;;) {
      const hasTooMany = this.#held.size > this.#limits.countMax
      if (!hasTooMany && this.#bytes <= this.#limits.bytesMax) return pushedOut
      this.#drop(this.#oldestOfLargest(hasTooMany ? () => 1 : held => held.size))
      pushedOut++
    }
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

  /** The oldest arrival of the neighbour whose messages weigh most; of equals, of who came first. */
  #oldestOfLargest(weigh: (held: Held<T>) => number): number {
    const shares = new Map<NodeId, { weight: number; readonly oldest: number }>()
    for (const [arrival, held] of this.#held) {
      const share = shares.get(held.from) ?? { weight: 0, oldest: arrival }
      share.weight += weigh(held)
      shares.set(held.from, share)
    }
    let largest = { weight: 0, oldest: 0 }
    for (const share of shares.values()) if (share.weight > largest.weight) largest = share
    return largest.oldest
  }

  #drop(arrival: number): void {
    this.#bytes -= this.#held.get(arrival)?.size ?? 0
    this.#held.delete(arrival)
  }
}

function nameOf(reason: HeldFor): string {
  return reason.kind === 'author' ? `author ${reason.node}` : `key ${reason.id}`
}
