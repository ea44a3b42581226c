import type { Logger } from '../base/log.ts'
import { fileHeadNow } from './bounded-read.ts'
import type { HintStore } from './port.ts'
import { replaceFile } from './replace-file.ts'

/** No hint is longer; what is read of a longer file is none. */
const bytesMax = 2 * 1024 * 1024

/** A hint in one file of mode 0600. Losing it, or finding another in its place, costs no more than the hint. */
export class HintFile implements HintStore {
  readonly #path: string
  readonly #log: Logger
  /** The text that is to be written next; writes that come meanwhile replace it. */
  #next: string | undefined
  #writing: Promise<void> | undefined

  constructor(path: string, log: Logger) {
    this.#path = path
    this.#log = log
  }

  read(): string | undefined {
    try {
      return Buffer.from(fileHeadNow(this.#path, bytesMax)).toString('utf8')
    } catch {
      // Absent at the first start; unreadable is as good as absent.
      return undefined
    }
  }

  write(text: string): void {
    this.#next = text
    this.#writing ??= this.#drain()
  }

  /** Resolves when everything is written, or given up. */
  async flushed(): Promise<void> {
    await this.#writing
  }

  async #drain(): Promise<void> {
    for (let text = this.#next; text !== undefined; text = this.#next) {
      this.#next = undefined
      await this.#replace(text)
    }
    this.#writing = undefined
  }

  async #replace(text: string): Promise<void> {
    try {
      await replaceFile(this.#path, text)
    } catch (error) {
      this.#log.warn('a hint could not be written', { path: this.#path, error: String(error) })
    }
  }
}
