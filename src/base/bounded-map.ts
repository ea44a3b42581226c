import { assert } from './errors.ts'

/**
 * A map that never holds more than `entriesMax` entries: the least recently used one leaves first.
 *
 * For caches whose keys a peer chooses. `onEvict` sees each value that leaves by `set`, `delete` or `clear`,
 * so that what it holds can be wiped.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #entriesMax: number
  readonly #onEvict: (value: V) => void

  constructor(entriesMax: number, onEvict: (value: V) => void = () => {}) {
    assert(Number.isInteger(entriesMax) && entriesMax > 0, 'a bounded map holds at least one entry')
    this.#entriesMax = entriesMax
    this.#onEvict = onEvict
  }

  get size(): number {
    return this.#entries.size
  }

  /** The value under `key`, which counts as a use. Values are never `undefined`. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key)
    if (value === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, value)
    return value
  }

  /** The value under `key`, without counting as a use. */
  peek(key: K): V | undefined {
    return this.#entries.get(key)
  }

  set(key: K, value: V): void {
    const replaced = this.#entries.get(key)
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (replaced !== undefined && replaced !== value) this.#onEvict(replaced)
    if (this.#entries.size <= this.#entriesMax) return
    const oldest = this.#entries.keys().next()
    if (oldest.done === false) this.delete(oldest.value)
  }

  /** Whether there was an entry to remove. */
  delete(key: K): boolean {
    const value = this.#entries.get(key)
    if (value === undefined) return false
    this.#entries.delete(key)
    this.#onEvict(value)
    return true
  }

  /** Removes an entry and hands its value to the caller, who answers for it from now on. */
  take(key: K): V | undefined {
    const value = this.#entries.get(key)
    this.#entries.delete(key)
    return value
  }

  clear(): void {
    for (const key of [...this.#entries.keys()]) this.delete(key)
  }

  /** Keys from the least to the most recently used. */
  keys(): MapIterator<K> {
    return this.#entries.keys()
  }
}
