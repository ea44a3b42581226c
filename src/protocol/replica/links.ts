/**
 * How the cells of a key hang together: only keys of sets, counters and multi-value registers, and their cells,
 * have a link, so that a plain register pays four bytes and not sixteen.
 */
import { enlarged, grownCapacity } from './columns.ts'

const firstCapacity = 8

export class Links {
  /** Key row of a cell; -1 in the link of a key row. */
  owner = new Int32Array(firstCapacity)
  /** First cell of a key row; next cell of the same key; -1 after the last. */
  next = new Int32Array(firstCapacity)
  /** Live cells of a key row; tag author of a cell. */
  extra = new Uint32Array(firstCapacity)
  readonly #free: number[] = []
  #used = 0

  /** A link of a cell under `owner`, or of a key row if that is -1. */
  take(owner: number, extra: number): number {
    const link = this.#free.pop() ?? this.#used++
    if (link === this.owner.length) this.#grow()
    this.owner[link] = owner
    this.next[link] = -1
    this.extra[link] = extra
    return link
  }

  release(link: number): void {
    this.#free.push(link)
  }

  #grow(): void {
    const capacity = grownCapacity(this.owner.length)
    this.owner = enlarged(this.owner, new Int32Array(capacity))
    this.next = enlarged(this.next, new Int32Array(capacity))
    this.extra = enlarged(this.extra, new Uint32Array(capacity))
  }
}
