/**
 * What this node wrote and has not published yet.
 *
 * Flushed at once when nothing is on its way; what is written meanwhile goes together when the way is free
 * again. Rows, not operations, wait here: a row written twice goes once, as it is then. Bounded: who writes
 * asks `hasRoom` first.
 */
export class Outbox {
  readonly #rows = new Set<number>()
  readonly #entriesMax: number
  #inFlight = 0
  #sequence = 0

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax
  }

  /** The sequence of the last batch taken; batches count from 1. */
  get sequence(): number {
    return this.#sequence
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  get size(): number {
    return this.#rows.size
  }

  get hasRoom(): boolean {
    return this.#rows.size < this.#entriesMax
  }

  /** Whether a batch is to be taken now. */
  get isReady(): boolean {
    return this.#rows.size > 0 && this.#inFlight === 0
  }

  /** Whether `row` still waits to be published. */
  has(row: number): boolean {
    return this.#rows.has(row)
  }

  put(row: number): void {
    // Stamps in a batch rise, so a row written again moves to the end.
    this.#rows.delete(row)
    this.#rows.add(row)
  }

  forget(row: number): void {
    this.#rows.delete(row)
  }

  /** The rows that wait, oldest write first. */
  waiting(): Iterable<number> {
    return this.#rows
  }

  /** A batch was made of rows that `forget` took out: its sequence. */
  take(): number {
    this.#inFlight++
    return ++this.#sequence
  }

  /** The batch was handed over, or never will be. */
  published(): void {
    if (this.#inFlight > 0) this.#inFlight--
  }
}
