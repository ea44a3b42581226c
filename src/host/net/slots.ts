import { HostError } from '../../base/errors.ts'

/** At most so many at a time under one key; the others wait in order. */
export class Slots {
  readonly #max: number
  readonly #taken = new Map<string, { count: number; readonly waiting: (() => void)[] }>()

  constructor(max: number) {
    this.#max = max
  }

  /** Resolves when a slot is free; disposing it frees it. @throws {HostError} `ASK_TIMEOUT` when `signal` aborts first. */
  async take(key: string, signal: AbortSignal): Promise<Disposable> {
    const row = this.#taken.get(key) ?? { count: 0, waiting: [] }
    this.#taken.set(key, row)
    if (row.count < this.#max) row.count++
    else await this.#wait(row.waiting, signal)
    return { [Symbol.dispose]: () => this.#free(key, row) }
  }

  #wait(waiting: (() => void)[], signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = (): void => {
        waiting.splice(waiting.indexOf(turn), 1)
        reject(new HostError('ASK_TIMEOUT', 'no stream was free in time'))
      }
      waiting.push(turn)
      signal.addEventListener('abort', giveUp, { once: true })
      if (signal.aborted) giveUp()
    })
  }

  /** Whoever waits takes over the slot, so that nobody slips in between. */
  #free(key: string, row: { count: number; readonly waiting: (() => void)[] }): void {
    const next = row.waiting.shift()
    if (next !== undefined) next()
    else if (--row.count === 0) this.#taken.delete(key)
  }
}
