/** One conversation with a device at a time. */
import { assert, HostError } from '../../base/errors.ts'

/** Requests that wait at most. Each takes seconds on real hardware: who would come later does not wait so long. */
const waitingMax = 32

/**
 * Turns at one device. A device answers about the last request that it saw, whoever made it; two at once would each get the
 * evidence of the other.
 */
export class Turns {
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Runs `task` after all that came before. An abort frees the caller at once; a task that has begun keeps its turn to its
   * end, because a conversation with a device cannot be broken off.
   *
   * @throws {HostError} `TEE_BUSY` if too many wait. @throws the reason of `signal`.
   */
  take<T>(task: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason)
    if (this.#waiting >= waitingMax) {
      return Promise.reject(
        new HostError('TEE_BUSY', `${this.#waiting} requests wait for the device already.`),
      )
    }
    this.#waiting++
    const done = this.#last
      .then(() => {
        signal.throwIfAborted()
        return task()
      })
      .finally(() => this.#waiting--)
    // What became of one turn is nothing to the next one.
    this.#last = done.catch(() => undefined)
    return unlessAborted(done, signal)
  }
}

function unlessAborted<T>(done: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    done.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** A copy of the 64 bytes that shall be quoted: the caller may change its own while the request waits. */
export function ownReportData(reportData: Uint8Array): Uint8Array {
  assert(reportData.length === 64, 'report data has 64 bytes')
  return reportData.slice()
}
