/** One span of patience for several waits in a row: what is bounded is their sum, not each of them. */
import { after, type Duration, type Instant, seconds } from '../base/time.ts'
import type { Host } from '../host/port.ts'

/** All that a stop or a leave waits for together: whoever runs a process gives it ten seconds to end. */
export const stopPatience = seconds(9)

export class Patience {
  readonly #host: Pick<Host, 'clock' | 'timers'>
  readonly #until: Instant

  /** It runs from now on. */
  constructor(host: Pick<Host, 'clock' | 'timers'>, span: Duration) {
    this.#host = host
    this.#until = after(host.clock.monotonic(), span)
  }

  /** Resolves with `work`, or without it when patience ends. @throws what `work` throws until then. */
  async wait(work: Promise<void> | undefined): Promise<void> {
    if (work === undefined) return
    const left = Math.max(0, this.#until - this.#host.clock.monotonic()) as Duration
    let cancel = (): void => undefined
    const ended = new Promise<void>(resolve => {
      cancel = this.#host.timers.after(left, resolve)
    })
    await Promise.race([work, ended]).finally(() => cancel())
  }
}
