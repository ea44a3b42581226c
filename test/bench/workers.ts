/** A bench in several processes: a worker serves named calls over the IPC channel of `fork`. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

type Calls = Readonly<Record<string, (argument: never) => unknown>>

interface Request {
  readonly id: number
  readonly name: string
  readonly argument: unknown
}
interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** In the worker: answers calls until the parent disconnects. */
export function serveCalls(calls: Calls): void {
  process.on('message', async ({ id, name, argument }: Request) => {
    try {
      const call = calls[name]
      if (call === undefined) throw new Error(`no call ${name}`)
      process.send?.({ id, value: await call(argument as never) } satisfies Answer)
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? '') : String(error) })
    }
  })
  process.on('disconnect', () => process.exit(0))
}

/** How a worker is loaded. */
export interface WorkerOptions {
  /** Loaded first; relative to this directory. */
  readonly before?: string
  /** URL of the directory of compiled workers. */
  readonly built?: string
}

/** In the parent: one worker process. */
export class Worker {
  readonly #process: ChildProcess
  readonly #pending = new Map<number, (answer: Answer) => void>()
  #lastId = 0

  /** `file` is relative to this directory, or compiled in `built`. */
  constructor(file: string, { before, built }: WorkerOptions = {}) {
    const compiled = file.replace(/\.ts$/, '.js')
    const url = built === undefined ? new URL(file, import.meta.url) : new URL(compiled, built)
    const path = fileURLToPath(url)
    const first = before === undefined ? [] : ['--import', new URL(before, import.meta.url).href]
    const execArgv = [...process.execArgv, ...first]
    this.#process = fork(path, { serialization: 'advanced', execArgv })
    this.#process.on('message', (answer: Answer) => {
      this.#pending.get(answer.id)?.(answer)
      this.#pending.delete(answer.id)
    })
    this.#process.on('exit', code => {
      for (const settle of this.#pending.values()) settle({ id: 0, error: `worker ended: ${code}` })
      this.#pending.clear()
    })
  }

  call<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#pending.set(id, ({ value, error }) =>
        error === undefined ? resolve(value as T) : reject(new Error(error)),
      )
      this.#process.send({ id, name, argument } satisfies Request)
    })
  }

  /** Resolves when the process is gone. */
  async end(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const gone = new Promise(resolve => this.#process.once('exit', resolve))
    this.#process.disconnect()
    await gone
  }
}

/** The middle of the values; the mean of the two middle ones of an even count. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Linear between the nearest ranks; `NaN` of nothing. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((left, right) => left - right)
  const rank = (sorted.length - 1) * part
  const [low, high] = [
    sorted[Math.floor(rank)] ?? Number.NaN,
    sorted[Math.ceil(rank)] ?? Number.NaN,
  ]
  return low + (high - low) * (rank - Math.floor(rank))
}
