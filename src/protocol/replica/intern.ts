/** Long names as small numbers: an author or a commit key is named once, not once per entry. */
import { assert } from '../../base/errors.ts'

/** Names without use that may stand beside as many in use: of a batch or page that brought nothing, and many like it. */
const idleMax = 4096

/** Numbers names in order of first appearance and counts their uses. */
export class Intern<T extends string> {
  readonly #names: (T | undefined)[] = []
  readonly #indexes = new Map<T, number>()
  readonly #uses: number[] = []
  readonly #free: number[] = []
  readonly #keep: ReadonlySet<T>
  #usedCount = 0

  /** Names in `keep` hold their number even unused. */
  constructor(keep: readonly T[] = []) {
    this.#keep = new Set(keep)
    for (const name of keep) this.indexOf(name)
  }

  /** The number of `name`; stays while it is used. */
  indexOf(name: T): number {
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const index = this.#free.pop() ?? this.#names.length
    this.#names[index] = name
    this.#uses[index] = 0
    this.#indexes.set(name, index)
    return index
  }

  /** The number of `name`, or -1 if it has none. */
  find(name: T): number {
    return this.#indexes.get(name) ?? -1
  }

  nameOf(index: number): T {
    const name = this.#names[index]
    assert(name !== undefined, 'a number was given by indexOf and is in use')
    return name
  }

  use(index: number): void {
    const before = this.#uses[index] ?? 0
    this.#uses[index] = before + 1
    if (before === 0) this.#usedCount++
  }

  release(index: number): void {
    const left = (this.#uses[index] ?? 0) - 1
    this.#uses[index] = left
    if (left === 0) this.#usedCount--
  }

  /** As `sweep`, once so many names are without use that whoever sent them may have made them up. No number may be held. */
  sweepIfIdle(): void {
    if (this.#indexes.size - this.#usedCount > Math.max(idleMax, this.#usedCount)) this.sweep()
  }

  /** Frees the numbers of names without use: so that ids of the departed fold away. */
  sweep(): void {
    for (const [name, index] of this.#indexes) {
      if ((this.#uses[index] ?? 0) > 0 || this.#keep.has(name)) continue
      this.#indexes.delete(name)
      this.#names[index] = undefined
      this.#free.push(index)
    }
  }

  /** The numbers of all names. */
  indexes(): Iterable<number> {
    return this.#indexes.values()
  }

  /** Names in use. */
  named(): T[] {
    return [...this.#indexes].filter(([, index]) => (this.#uses[index] ?? 0) > 0).map(([n]) => n)
  }
}
