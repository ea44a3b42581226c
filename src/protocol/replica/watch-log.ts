/** The latest changes, numbered, for watchers that read at their own pace and resume. */

export class WatchLog {
  readonly #keyRows: Int32Array
  #head = 0
  /** Changes up to this one are no longer held. */
  #gone = 0

  constructor(eventsMax: number) {
    this.#keyRows = new Int32Array(eventsMax)
  }

  /** The number of the latest change; 0 before the first. */
  get head(): number {
    return this.#head
  }

  /** All watchers begin anew, those that have read everything as well. */
  restart(): void {
    this.#head++
    this.#gone = this.#head
  }

  changed(keyRow: number): void {
    this.#keyRows[this.#head % this.#keyRows.length] = keyRow
    this.#head++
    if (this.#head - this.#gone > this.#keyRows.length) this.#gone++
  }

  /** Whether all changes after `cursor` are held. */
  holds(cursor: number): boolean {
    return Number.isSafeInteger(cursor) && cursor >= this.#gone && cursor <= this.#head
  }

  /** The key row of change `number`, which is held. */
  keyRowOf(number: number): number {
    return this.#keyRows[(number - 1) % this.#keyRows.length] ?? 0
  }

  /** Key rows were released and may come back as other keys: changes up to the last of theirs are gone. */
  forget(keyRows: ReadonlySet<number>): void {
    for (let number = this.#head; number > this.#gone; number--) {
      if (!keyRows.has(this.keyRowOf(number))) continue
      this.#gone = number
      return
    }
  }
}
